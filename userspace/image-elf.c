// SPDX-License-Identifier: GPL-2.0-only
/*
 * ELF files of 32 and 64 bits and of either byte order: PT_LOAD segments go to
 * their physical addresses. A note tells which of them has the device tree.
 */
#include <string.h>

#include <sdm/sdm-rproc.h>

#include "dtb.h"
#include "image.h"
#include "report.h"

/* Those fields of the headers that are needed, in one form for all classes. */
struct elf {
	const struct file *file;
	bool wide;
	bool big_endian;
	u16 type;
	u16 machine;
	u64 entry;
	u64 phoff;
	u16 phentsize;
	u16 phnum;
};

struct phdr {
	u32 type;
	u64 offset;
	u64 vaddr;
	u64 paddr;
	u64 filesz;
	u64 memsz;
};

static bool elf_matches(const struct file *file)
{
	return file_has(file, 0, SELFMAG) &&
	       !memcmp(file->data, ELFMAG, SELFMAG);
}

static u64 get(const struct elf *elf, u64 offset, size_t size)
{
	const u8 *p = elf->file->data + offset;

	switch (size) {
	case 2:
		return elf->big_endian ? p[0] << 8 | p[1] : p[1] << 8 | p[0];
	case 4:
		return elf->big_endian ? get_be32(p) : get_le32(p);
	default:
		return elf->big_endian ? get_be64(p) : get_le64(p);
	}
}

/* Read a member of Elf32_x or Elf64_x at @base of the file. */
#define GET(elf, base, name, member)                                     \
	((elf)->wide ? get(elf, (base) + offsetof(Elf64_##name, member), \
			   sizeof(((Elf64_##name *)0)->member)) :        \
		       get(elf, (base) + offsetof(Elf32_##name, member), \
			   sizeof(((Elf32_##name *)0)->member)))

static int bad(const struct elf *elf, const char *why)
{
	error("%s: %s", elf->file->name, why);
	return -1;
}

static int read_header(struct elf *elf)
{
	const struct file *file = elf->file;

	if (!file_has(file, 0, EI_NIDENT))
		return bad(elf, "the ELF header is truncated");

	switch (file->data[EI_CLASS]) {
	case ELFCLASS32:
	case ELFCLASS64:
		elf->wide = file->data[EI_CLASS] == ELFCLASS64;
		break;
	default:
		return bad(elf, "the ELF file is neither of 32 nor of 64 bits");
	}
	switch (file->data[EI_DATA]) {
	case ELFDATA2LSB:
	case ELFDATA2MSB:
		elf->big_endian = file->data[EI_DATA] == ELFDATA2MSB;
		break;
	default:
		return bad(elf, "the ELF file has an unknown byte order");
	}
	if (!file_has(file, 0,
		      elf->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
		return bad(elf, "the ELF header is truncated");

	elf->type = GET(elf, 0, Ehdr, e_type);
	elf->machine = GET(elf, 0, Ehdr, e_machine);
	elf->entry = GET(elf, 0, Ehdr, e_entry);
	elf->phoff = GET(elf, 0, Ehdr, e_phoff);
	elf->phentsize = GET(elf, 0, Ehdr, e_phentsize);
	elf->phnum = GET(elf, 0, Ehdr, e_phnum);

	if (elf->type != ET_EXEC && elf->type != ET_DYN)
		return bad(elf,
			   "the ELF file is not executable; link it first");
	if (!elf->phnum || elf->phnum == PN_XNUM)
		return bad(elf, "the ELF file has no usable program headers");
	if (elf->phentsize !=
	    (elf->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return bad(elf, "the ELF program headers have a wrong size");
	if (!file_has(file, elf->phoff, (u64)elf->phnum * elf->phentsize))
		return bad(elf, "the ELF program headers are truncated");
	return 0;
}

static void read_phdr(const struct elf *elf, unsigned int i, struct phdr *phdr)
{
	u64 base = elf->phoff + (u64)i * elf->phentsize;

	phdr->type = GET(elf, base, Phdr, p_type);
	phdr->offset = GET(elf, base, Phdr, p_offset);
	phdr->vaddr = GET(elf, base, Phdr, p_vaddr);
	phdr->paddr = GET(elf, base, Phdr, p_paddr);
	phdr->filesz = GET(elf, base, Phdr, p_filesz);
	phdr->memsz = GET(elf, base, Phdr, p_memsz);
}

static int check_phdr(const struct elf *elf, unsigned int i,
		      const struct phdr *phdr)
{
	const char *name = elf->file->name;

	if (phdr->filesz > phdr->memsz) {
		error("%s: ELF segment %u is larger in the file than in memory",
		      name, i);
		return -1;
	}
	if (!file_has(elf->file, phdr->offset, phdr->filesz)) {
		error("%s is truncated: ELF segment %u reaches beyond its end",
		      name, i);
		return -1;
	}
	/* The last byte, so that one may end at the end of the addresses. */
	if (phdr->memsz - 1 > U64_MAX - phdr->paddr ||
	    phdr->memsz - 1 > U64_MAX - phdr->vaddr) {
		error("%s: ELF segment %u (0x%llx bytes at 0x%llx) exceeds all addresses",
		      name, i, phdr->memsz, phdr->paddr);
		return -1;
	}
	return 0;
}

/* e_entry is a virtual address; the peer starts without translation. */
static bool entry_in(const struct elf *elf, const struct phdr *phdr, u64 *entry)
{
	u64 address = elf->entry;

	/* Bit 0 says Thumb. */
	if (elf->machine == EM_ARM)
		address &= ~1ULL;
	if (address < phdr->vaddr || address - phdr->vaddr >= phdr->memsz)
		return false;
	*entry = elf->entry - phdr->vaddr + phdr->paddr;
	return true;
}

/* A note, with a name of @name_size bytes. The sizes have been checked. */
static int take_note(const struct elf *elf, u64 offset, u32 name_size, u32 size,
		     u32 type, struct image *image)
{
	const u8 *name = elf->file->data + offset;

	if (type != SDM_NOTE_DTB || name_size != sizeof(SDM_NOTE_NAME) ||
	    memcmp(name, SDM_NOTE_NAME, sizeof(SDM_NOTE_NAME)))
		return 0;
	if (size != sizeof(u64))
		return bad(elf, "the note of the device tree has a wrong size");
	image->dtb = get(elf, offset + name_size, sizeof(u64));
	if (!image->dtb)
		return bad(elf, "the note of the device tree has no address");
	return 0;
}

static u64 padded(u32 size)
{
	return ((u64)size + 3) & ~3ULL;
}

static int read_notes(const struct elf *elf, const struct phdr *phdr,
		      struct image *image)
{
	u64 offset = phdr->offset, left = phdr->filesz;
	u32 name_size, size;
	u64 used;

	if (left && !file_has(elf->file, offset, left))
		return bad(elf, "the ELF notes are truncated");

	while (left) {
		if (left < sizeof(Elf64_Nhdr))
			return bad(elf, "an ELF note is truncated");
		name_size = GET(elf, offset, Nhdr, n_namesz);
		size = GET(elf, offset, Nhdr, n_descsz);
		used = sizeof(Elf64_Nhdr) + padded(name_size);
		if (used + size > left)
			return bad(elf, "an ELF note is truncated");
		if (take_note(elf, offset + sizeof(Elf64_Nhdr), name_size, size,
			      GET(elf, offset, Nhdr, n_type), image))
			return -1;
		used += padded(size);
		/* The last one need not be padded. */
		if (used > left)
			used = left;
		offset += used;
		left -= used;
	}
	return 0;
}

/* It has to be one, and all of it in the file. */
static int check_dtb(const struct file *file, const struct image *image)
{
	unsigned int i;

	for (i = 0; i < image->nr_segments; i++) {
		const struct segment *segment = &image->segments[i];
		u64 behind = image->dtb - segment->address;
		struct file dtb = { .name = "the device tree in the ELF file" };

		if (image->dtb < segment->address ||
		    behind >= segment->file_size)
			continue;
		dtb.data = file->data + segment->offset + behind;
		dtb.size = segment->file_size - behind;
		return dtb_check(&dtb);
	}
	error("%s: the device tree, by its note at 0x%llx, is in none of the segments",
	      file->name, image->dtb);
	return -1;
}

static int elf_parse(const struct file *file, struct image *image)
{
	struct elf elf = { .file = file };
	bool has_entry = false;
	struct phdr phdr;
	unsigned int i;

	if (read_header(&elf))
		return -1;

	image->format = "ELF file";
	image->machine = elf.machine;
	for (i = 0; i < elf.phnum; i++) {
		read_phdr(&elf, i, &phdr);
		if (phdr.type == PT_NOTE && read_notes(&elf, &phdr, image))
			return -1;
		if (phdr.type != PT_LOAD || !phdr.memsz)
			continue;
		if (check_phdr(&elf, i, &phdr))
			return -1;
		if (image->nr_segments == IMAGE_MAX_SEGMENTS)
			return bad(&elf, "the ELF file has too many segments");
		image->segments[image->nr_segments++] = (struct segment){
			.address = phdr.paddr,
			.offset = phdr.offset,
			.file_size = phdr.filesz,
			.mem_size = phdr.memsz,
		};
		if (!has_entry)
			has_entry = entry_in(&elf, &phdr, &image->entry);
	}

	if (!image->nr_segments)
		return bad(&elf, "the ELF file has nothing to load");
	if (!has_entry) {
		error("%s: the entry point 0x%llx of the ELF file is in none of its segments",
		      file->name, elf.entry);
		return -1;
	}
	return image->dtb ? check_dtb(file, image) : 0;
}

const struct image_type image_elf = {
	.matches = elf_matches,
	.parse = elf_parse,
};
