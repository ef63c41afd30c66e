// SPDX-License-Identifier: GPL-2.0-only
/*
 * ELF files for slaves, of 32 and 64 bits and of this machine's byte order.
 *
 * A file may be anything: nothing is read before it is known to be there.
 */

#include <linux/elf.h>
#include <linux/module.h>
#include <linux/remoteproc.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include <sdm/sdm-rproc.h>

#include "compat.h"
#include "range.h"
#include "remoteproc-elf.h"

#ifdef __LITTLE_ENDIAN
#define SDM_ELFDATA ELFDATA2LSB
#else
#define SDM_ELFDATA ELFDATA2MSB
#endif

#define SDM_ELF_TABLE ".resource_table"

/* The file. Headers of both classes are read into the wide form. */
struct sdm_elf_file {
	const u8 *data;
	size_t size;
	bool wide;
	Elf64_Ehdr header;
};

static bool sdm_elf_has(const struct sdm_elf_file *file, u64 offset, u64 len)
{
	return sdm_range_fits(offset, len, file->size);
}

static size_t sdm_elf_ehdr_size(const struct sdm_elf_file *file)
{
	return file->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
}

static size_t sdm_elf_phdr_size(const struct sdm_elf_file *file)
{
	return file->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}

static size_t sdm_elf_shdr_size(const struct sdm_elf_file *file)
{
	return file->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
}

/* Those members that are used. Headers may be at any address. */
static void sdm_elf_read_ehdr(struct sdm_elf_file *file)
{
	Elf64_Ehdr *header = &file->header;
	Elf32_Ehdr narrow;

	if (file->wide) {
		memcpy(header, file->data, sizeof(*header));
		return;
	}
	memcpy(&narrow, file->data, sizeof(narrow));
	header->e_type = narrow.e_type;
	header->e_machine = narrow.e_machine;
	header->e_entry = narrow.e_entry;
	header->e_phoff = narrow.e_phoff;
	header->e_shoff = narrow.e_shoff;
	header->e_phentsize = narrow.e_phentsize;
	header->e_phnum = narrow.e_phnum;
	header->e_shentsize = narrow.e_shentsize;
	header->e_shnum = narrow.e_shnum;
	header->e_shstrndx = narrow.e_shstrndx;
}

static Elf64_Phdr sdm_elf_phdr(const struct sdm_elf_file *file, u16 i)
{
	const u8 *from = file->data + file->header.e_phoff +
			 i * sdm_elf_phdr_size(file);
	Elf64_Phdr wide = {};
	Elf32_Phdr narrow;

	if (file->wide) {
		memcpy(&wide, from, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, from, sizeof(narrow));
	wide.p_type = narrow.p_type;
	wide.p_offset = narrow.p_offset;
	wide.p_vaddr = narrow.p_vaddr;
	wide.p_paddr = narrow.p_paddr;
	wide.p_filesz = narrow.p_filesz;
	wide.p_memsz = narrow.p_memsz;

	return wide;
}

static Elf64_Shdr sdm_elf_shdr(const struct sdm_elf_file *file, u16 i)
{
	const u8 *from = file->data + file->header.e_shoff +
			 i * sdm_elf_shdr_size(file);
	Elf64_Shdr wide = {};
	Elf32_Shdr narrow;

	if (file->wide) {
		memcpy(&wide, from, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, from, sizeof(narrow));
	wide.sh_name = narrow.sh_name;
	wide.sh_addr = narrow.sh_addr;
	wide.sh_offset = narrow.sh_offset;
	wide.sh_size = narrow.sh_size;

	return wide;
}

static const char *sdm_elf_header(struct sdm_elf_file *file,
				  struct sdm_elf *elf)
{
	const Elf64_Ehdr *header = &file->header;

	if (!sdm_elf_has(file, 0, EI_NIDENT) ||
	    memcmp(file->data, ELFMAG, SELFMAG))
		return "it is no ELF file";
	if (file->data[EI_DATA] != SDM_ELFDATA)
		return "it has another byte order than this machine";
	if (file->data[EI_CLASS] != ELFCLASS32 &&
	    file->data[EI_CLASS] != ELFCLASS64)
		return "it is neither of 32 nor of 64 bits";
	file->wide = file->data[EI_CLASS] == ELFCLASS64;
	if (!sdm_elf_has(file, 0, sdm_elf_ehdr_size(file)))
		return "its header is truncated";
	sdm_elf_read_ehdr(file);
	elf->wide = file->wide;
	elf->machine = header->e_machine;
	elf->entry = header->e_entry;

	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return "it is not linked";
	if (header->e_phentsize != sdm_elf_phdr_size(file))
		return "its program headers have a wrong size";
	if (!sdm_elf_has(file, header->e_phoff,
			 header->e_phnum * sdm_elf_phdr_size(file)))
		return "its program headers are truncated";
	if (!header->e_shnum)
		return NULL;
	if (header->e_shentsize != sdm_elf_shdr_size(file))
		return "its section headers have a wrong size";
	if (!sdm_elf_has(file, header->e_shoff,
			 header->e_shnum * sdm_elf_shdr_size(file)))
		return "its section headers are truncated";

	return NULL;
}

static const char *sdm_elf_load(const struct sdm_elf_file *file,
				const Elf64_Phdr *phdr, struct sdm_elf *elf)
{
	struct sdm_elf_segment segment = {
		.address = phdr->p_paddr,
		.file_size = phdr->p_filesz,
		.mem_size = phdr->p_memsz,
	};
	unsigned int i;

	if (!segment.mem_size)
		return NULL;
	if (segment.file_size > segment.mem_size)
		return "a segment is larger in the file than in memory";
	if (!sdm_elf_has(file, phdr->p_offset, segment.file_size))
		return "a segment is truncated";
	if (segment.address > U64_MAX - segment.mem_size)
		return "a segment exceeds all addresses";
	if (elf->num_segments == SDM_ELF_MAX_SEGMENTS)
		return "it has too many segments";
	segment.data = file->data + phdr->p_offset;

	for (i = 0; i < elf->num_segments; i++) {
		const struct sdm_elf_segment *other = &elf->segments[i];

		if (segment.address < other->address + other->mem_size &&
		    other->address < segment.address + segment.mem_size)
			return "its segments overlap";
	}
	elf->segments[elf->num_segments++] = segment;

	return NULL;
}

static u64 sdm_elf_padded(u32 size)
{
	return ALIGN((u64)size, 4);
}

/* One of ours? The sizes have been checked. */
static void sdm_elf_take_note(struct sdm_elf *elf, const u8 *name,
			      u32 name_size, const u8 *desc, u32 desc_size,
			      u32 type)
{
	struct sdm_elf_part part = { .data = desc, .size = desc_size };

	if (name_size != sizeof(SDM_NOTE_NAME) ||
	    memcmp(name, SDM_NOTE_NAME, sizeof(SDM_NOTE_NAME)))
		return;
	if (type == SDM_NOTE_DTB)
		elf->dtb = part;
	else if (type == SDM_NOTE_DUMP)
		elf->dump = part;
}

static const char *sdm_elf_notes(const struct sdm_elf_file *file,
				 const Elf64_Phdr *phdr, struct sdm_elf *elf)
{
	u64 offset = phdr->p_offset;
	u64 left = phdr->p_filesz;

	if (!sdm_elf_has(file, offset, left))
		return "its notes are truncated";

	while (left) {
		const u8 *note = file->data + offset;
		u32 words[3];
		u64 len;

		if (left < sizeof(words))
			return "a note is truncated";
		memcpy(words, note, sizeof(words));
		len = sizeof(words) + sdm_elf_padded(words[0]) + words[1];
		if (len > left)
			return "a note is truncated";
		note += sizeof(words);
		sdm_elf_take_note(elf, note, words[0],
				  note + sdm_elf_padded(words[0]), words[1],
				  words[2]);
		/* The last one need not be padded. */
		len = min(ALIGN(len, 4), left);
		offset += len;
		left -= len;
	}

	return NULL;
}

/* The CPUs start without translation, e_entry is a virtual address. */
static bool sdm_elf_find_entry(const Elf64_Phdr *phdr,
			       const struct sdm_elf *elf, u64 *entry)
{
	/* Bit 0 says Thumb. */
	u64 thumb = elf->machine == EM_ARM ? elf->entry & 1 : 0;
	u64 offset = elf->entry - thumb - phdr->p_vaddr;

	if (elf->entry - thumb < phdr->p_vaddr || offset >= phdr->p_memsz)
		return false;
	*entry = phdr->p_paddr + offset + thumb;

	return true;
}

static const char *sdm_elf_segments(const struct sdm_elf_file *file,
				    struct sdm_elf *elf)
{
	bool has_entry = false;
	const char *wrong;
	u64 entry = 0;
	unsigned int i;

	for (i = 0; i < file->header.e_phnum; i++) {
		Elf64_Phdr phdr = sdm_elf_phdr(file, i);

		switch (phdr.p_type) {
		case PT_LOAD:
			wrong = sdm_elf_load(file, &phdr, elf);
			if (!has_entry)
				has_entry = sdm_elf_find_entry(&phdr, elf,
							       &entry);
			break;
		case PT_NOTE:
			wrong = sdm_elf_notes(file, &phdr, elf);
			break;
		default:
			wrong = NULL;
		}
		if (wrong)
			return wrong;
	}
	if (!elf->num_segments)
		return "it has nothing to load";
	if (!has_entry)
		return "its entry point is in none of its segments";
	elf->entry = entry;

	return NULL;
}

/**
 * sdm_elf_check_table() - look whether all of a resource table is there
 * @data: contents
 * @size: how much there is at most
 *
 * Return: NULL, or what is wrong with it. If nothing is, each entry has its type
 * inside, but not necessarily more, and is aligned as C needs it.
 */
const char *sdm_elf_check_table(const void *data, size_t size)
{
	struct resource_table table;
	u32 offset;
	u64 end;
	u32 i;

	if (size < sizeof(table))
		return "its resource table is truncated";
	memcpy(&table, data, sizeof(table));
	if (table.ver != 1)
		return "its resource table has an unknown version";
	if (table.reserved[0] || table.reserved[1])
		return "its resource table uses reserved fields";
	end = sizeof(table) + (u64)table.num * sizeof(offset);
	if (end > size)
		return "its resource table is truncated";

	for (i = 0; i < table.num; i++) {
		memcpy(&offset, data + sizeof(table) + i * sizeof(offset),
		       sizeof(offset));
		if (offset < end ||
		    !sdm_range_fits(offset, sizeof(struct fw_rsc_hdr), size))
			return "an entry of its resource table is outside of it";
		if (!IS_ALIGNED(offset, sizeof(u32)))
			return "an entry of its resource table is not aligned";
	}

	return NULL;
}

/* A name is compared only as far as there are any. */
static bool sdm_elf_is_table(const struct sdm_elf_file *file,
			     const Elf64_Shdr *names, const Elf64_Shdr *shdr)
{
	return sdm_range_fits(shdr->sh_name, sizeof(SDM_ELF_TABLE),
			      names->sh_size) &&
	       !memcmp(file->data + names->sh_offset + shdr->sh_name,
		       SDM_ELF_TABLE, sizeof(SDM_ELF_TABLE));
}

static const char *sdm_elf_find_table(const struct sdm_elf_file *file,
				      struct sdm_elf *elf)
{
	const Elf64_Ehdr *header = &file->header;
	Elf64_Shdr names, shdr;
	unsigned int i;

	if (header->e_shstrndx >= header->e_shnum)
		return NULL;
	names = sdm_elf_shdr(file, header->e_shstrndx);
	if (!sdm_elf_has(file, names.sh_offset, names.sh_size))
		return "the names of its sections are truncated";

	for (i = 0; i < header->e_shnum; i++) {
		shdr = sdm_elf_shdr(file, i);
		if (!sdm_elf_is_table(file, &names, &shdr))
			continue;
		if (!sdm_elf_has(file, shdr.sh_offset, shdr.sh_size))
			return "its resource table is truncated";
		elf->table = (struct sdm_elf_part){
			.data = file->data + shdr.sh_offset,
			.size = shdr.sh_size,
			.address = shdr.sh_addr,
		};
		return sdm_elf_check_table(elf->table.data, elf->table.size);
	}

	return NULL;
}

/**
 * sdm_elf_parse() - look through an ELF file
 * @elf: filled in; refers to the data
 * @data: contents of the file
 * @size: their size
 *
 * Return: NULL, or what is wrong with the file.
 */
const char *sdm_elf_parse(struct sdm_elf *elf, const void *data, size_t size)
{
	struct sdm_elf_file file = { .data = data, .size = size };
	const char *wrong;

	memset(elf, 0, sizeof(*elf));
	wrong = sdm_elf_header(&file, elf);
	if (!wrong)
		wrong = sdm_elf_segments(&file, elf);
	if (!wrong)
		wrong = sdm_elf_find_table(&file, elf);
	if (!wrong && elf->dtb.data && elf->dtb.size != sizeof(u64))
		wrong = "its note of the device tree has a wrong size";
	if (!wrong && elf->dump.size % (2 * sizeof(u64)))
		wrong = "its note of what to dump has a wrong size";

	return wrong;
}
EXPORT_SYMBOL_IF_KUNIT(sdm_elf_parse);
