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

/* What is needed of the file's header, in one form for both classes. */
struct sdm_elf_file {
	const u8 *data;
	size_t size;
	bool wide;
	u64 phoff;
	u64 shoff;
	u16 phnum;
	u16 shnum;
	u16 shstrndx;
};

static bool sdm_elf_has(const struct sdm_elf_file *file, u64 offset, u64 len)
{
	return sdm_range_fits(offset, len, file->size);
}

/* A number of the file, in its own byte order and at any address. */
static u64 sdm_elf_read(const struct sdm_elf_file *file, u64 offset,
			size_t size)
{
	const u8 *p = file->data + offset;
	u16 half;
	u32 word;
	u64 wide;

	switch (size) {
	case sizeof(half):
		memcpy(&half, p, sizeof(half));
		return half;
	case sizeof(word):
		memcpy(&word, p, sizeof(word));
		return word;
	default:
		memcpy(&wide, p, sizeof(wide));
		return wide;
	}
}

/* A member of Elf32_x or Elf64_x at @base of the file. */
#define SDM_ELF_GET(file, base, name, member)				\
	((file)->wide ?							\
	 sdm_elf_read(file, (base) + offsetof(Elf64_##name, member),	\
		      sizeof_field(Elf64_##name, member)) :		\
	 sdm_elf_read(file, (base) + offsetof(Elf32_##name, member),	\
		      sizeof_field(Elf32_##name, member)))

#define SDM_ELF_SIZE(file, name)					\
	((file)->wide ? sizeof(Elf64_##name) : sizeof(Elf32_##name))

static const char *sdm_elf_header(struct sdm_elf_file *file,
				  struct sdm_elf *elf)
{
	u16 type;

	if (!sdm_elf_has(file, 0, EI_NIDENT) ||
	    memcmp(file->data, ELFMAG, SELFMAG))
		return "it is no ELF file";
	if (file->data[EI_DATA] != SDM_ELFDATA)
		return "it has another byte order than this machine";
	if (file->data[EI_CLASS] != ELFCLASS32 &&
	    file->data[EI_CLASS] != ELFCLASS64)
		return "it is neither of 32 nor of 64 bits";
	file->wide = file->data[EI_CLASS] == ELFCLASS64;
	if (!sdm_elf_has(file, 0, SDM_ELF_SIZE(file, Ehdr)))
		return "its header is truncated";

	type = SDM_ELF_GET(file, 0, Ehdr, e_type);
	file->phoff = SDM_ELF_GET(file, 0, Ehdr, e_phoff);
	file->phnum = SDM_ELF_GET(file, 0, Ehdr, e_phnum);
	file->shoff = SDM_ELF_GET(file, 0, Ehdr, e_shoff);
	file->shnum = SDM_ELF_GET(file, 0, Ehdr, e_shnum);
	file->shstrndx = SDM_ELF_GET(file, 0, Ehdr, e_shstrndx);
	elf->wide = file->wide;
	elf->machine = SDM_ELF_GET(file, 0, Ehdr, e_machine);
	elf->entry = SDM_ELF_GET(file, 0, Ehdr, e_entry);

	if (type != ET_EXEC && type != ET_DYN)
		return "it is not linked";
	if (SDM_ELF_GET(file, 0, Ehdr, e_phentsize) !=
	    SDM_ELF_SIZE(file, Phdr))
		return "its program headers have a wrong size";
	if (!sdm_elf_has(file, file->phoff,
			 (u64)file->phnum * SDM_ELF_SIZE(file, Phdr)))
		return "its program headers are truncated";
	if (file->shnum && SDM_ELF_GET(file, 0, Ehdr, e_shentsize) !=
			   SDM_ELF_SIZE(file, Shdr))
		return "its section headers have a wrong size";
	if (!sdm_elf_has(file, file->shoff,
			 (u64)file->shnum * SDM_ELF_SIZE(file, Shdr)))
		return "its section headers are truncated";

	return NULL;
}

static const char *sdm_elf_load(struct sdm_elf_file *file, u64 phdr,
				struct sdm_elf *elf)
{
	u64 offset = SDM_ELF_GET(file, phdr, Phdr, p_offset);
	struct sdm_elf_segment segment = {
		.address = SDM_ELF_GET(file, phdr, Phdr, p_paddr),
		.file_size = SDM_ELF_GET(file, phdr, Phdr, p_filesz),
		.mem_size = SDM_ELF_GET(file, phdr, Phdr, p_memsz),
	};
	unsigned int i;

	if (!segment.mem_size)
		return NULL;
	if (segment.file_size > segment.mem_size)
		return "a segment is larger in the file than in memory";
	if (!sdm_elf_has(file, offset, segment.file_size))
		return "a segment is truncated";
	if (segment.address > U64_MAX - segment.mem_size)
		return "a segment exceeds all addresses";
	if (elf->num_segments == SDM_ELF_MAX_SEGMENTS)
		return "it has too many segments";
	segment.data = file->data + offset;

	for (i = 0; i < elf->num_segments; i++) {
		const struct sdm_elf_segment *other = &elf->segments[i];

		if (segment.address < other->address + other->mem_size &&
		    other->address < segment.address + segment.mem_size)
			return "its segments overlap";
	}
	elf->segments[elf->num_segments++] = segment;

	return NULL;
}

static size_t sdm_elf_padded(u32 size)
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

static const char *sdm_elf_notes(struct sdm_elf_file *file, u64 phdr,
				 struct sdm_elf *elf)
{
	u64 offset = SDM_ELF_GET(file, phdr, Phdr, p_offset);
	u64 left = SDM_ELF_GET(file, phdr, Phdr, p_filesz);

	if (!sdm_elf_has(file, offset, left))
		return "its notes are truncated";

	while (left) {
		const u8 *note = file->data + offset;
		u32 words[3];
		u64 len;

		if (left < sizeof(words))
			return "a note is truncated";
		memcpy(words, note, sizeof(words));
		len = sizeof(words) + (u64)sdm_elf_padded(words[0]) + words[1];
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
static bool sdm_elf_find_entry(struct sdm_elf_file *file, u64 phdr,
			       const struct sdm_elf *elf, u64 *entry)
{
	u64 vaddr = SDM_ELF_GET(file, phdr, Phdr, p_vaddr);
	/* Bit 0 says Thumb. */
	u64 thumb = elf->machine == EM_ARM ? elf->entry & 1 : 0;
	u64 offset = elf->entry - thumb - vaddr;

	if (elf->entry - thumb < vaddr ||
	    offset >= SDM_ELF_GET(file, phdr, Phdr, p_memsz))
		return false;
	*entry = SDM_ELF_GET(file, phdr, Phdr, p_paddr) + offset + thumb;

	return true;
}

static const char *sdm_elf_segments(struct sdm_elf_file *file,
				    struct sdm_elf *elf)
{
	bool has_entry = false;
	const char *wrong;
	u64 entry = 0;
	unsigned int i;

	for (i = 0; i < file->phnum; i++) {
		u64 phdr = file->phoff + i * SDM_ELF_SIZE(file, Phdr);

		switch (SDM_ELF_GET(file, phdr, Phdr, p_type)) {
		case PT_LOAD:
			wrong = sdm_elf_load(file, phdr, elf);
			if (!has_entry)
				has_entry = sdm_elf_find_entry(file, phdr, elf,
							       &entry);
			break;
		case PT_NOTE:
			wrong = sdm_elf_notes(file, phdr, elf);
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

static const char *sdm_elf_check_table(const struct sdm_elf_part *part)
{
	struct resource_table table;
	u32 offset;
	u64 end;
	u32 i;

	if (part->size < sizeof(table))
		return "its resource table is truncated";
	memcpy(&table, part->data, sizeof(table));
	if (table.ver != 1)
		return "its resource table has an unknown version";
	if (table.reserved[0] || table.reserved[1])
		return "its resource table uses reserved fields";
	end = sizeof(table) + (u64)table.num * sizeof(offset);
	if (end > part->size)
		return "its resource table is truncated";

	for (i = 0; i < table.num; i++) {
		memcpy(&offset, part->data + sizeof(table) + i * sizeof(offset),
		       sizeof(offset));
		if (offset < end ||
		    !sdm_range_fits(offset, sizeof(struct fw_rsc_hdr),
				    part->size))
			return "an entry of its resource table is outside of it";
	}

	return NULL;
}

/* Names are compared only as far as there are any. */
static bool sdm_elf_is_table(struct sdm_elf_file *file, u64 shdr)
{
	u64 names = file->shoff + file->shstrndx * SDM_ELF_SIZE(file, Shdr);
	u64 size = SDM_ELF_GET(file, names, Shdr, sh_size);
	u64 offset = SDM_ELF_GET(file, names, Shdr, sh_offset);
	u64 name = SDM_ELF_GET(file, shdr, Shdr, sh_name);

	return sdm_elf_has(file, offset, size) &&
	       sdm_range_fits(name, sizeof(SDM_ELF_TABLE), size) &&
	       !memcmp(file->data + offset + name, SDM_ELF_TABLE,
		       sizeof(SDM_ELF_TABLE));
}

static const char *sdm_elf_find_table(struct sdm_elf_file *file,
				      struct sdm_elf *elf)
{
	unsigned int i;

	if (file->shstrndx >= file->shnum)
		return NULL;

	for (i = 0; i < file->shnum; i++) {
		u64 shdr = file->shoff + i * SDM_ELF_SIZE(file, Shdr);
		u64 offset = SDM_ELF_GET(file, shdr, Shdr, sh_offset);
		u64 size = SDM_ELF_GET(file, shdr, Shdr, sh_size);

		if (!sdm_elf_is_table(file, shdr))
			continue;
		if (!sdm_elf_has(file, offset, size))
			return "its resource table is truncated";
		elf->table = (struct sdm_elf_part){
			.data = file->data + offset,
			.size = size,
			.address = SDM_ELF_GET(file, shdr, Shdr, sh_addr),
		};
		return sdm_elf_check_table(&elf->table);
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
