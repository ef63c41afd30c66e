// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the recognition of ELF files.
 */
#include <string.h>

#include <sdm/sdm-rproc.h>

#include "craft.h"
#include "image.h"
#include "test.h"

#define MAX_PHDRS 40

/* What an ELF file is made of, in numbers of the test's choice. */
struct recipe {
	bool wide;
	bool big_endian;
	u16 type;
	u16 machine;
	u64 entry;
	u64 phoff;
	u16 phentsize;
	u16 phnum;
	size_t size;
	Elf64_Phdr phdrs[MAX_PHDRS];
};

static struct recipe recipe;
static struct file file;
static struct image image;

static void put(size_t offset, unsigned int bytes, u64 value)
{
	if (recipe.big_endian)
		put_be(&file, offset, bytes, value);
	else
		put_le(&file, offset, bytes, value);
}

#define PUT(base, name, member, value)                                   \
	(recipe.wide ? put((base) + offsetof(Elf64_##name, member),      \
			   sizeof(((Elf64_##name *)0)->member), value) : \
		       put((base) + offsetof(Elf32_##name, member),      \
			   sizeof(((Elf32_##name *)0)->member), value))

static void cook(void)
{
	size_t base = recipe.wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	unsigned int i;

	craft_file(&file, recipe.size);
	memcpy(file.data, ELFMAG, SELFMAG);
	file.data[EI_CLASS] = recipe.wide ? ELFCLASS64 : ELFCLASS32;
	file.data[EI_DATA] = recipe.big_endian ? ELFDATA2MSB : ELFDATA2LSB;
	PUT(0, Ehdr, e_type, recipe.type);
	PUT(0, Ehdr, e_machine, recipe.machine);
	PUT(0, Ehdr, e_entry, recipe.entry);
	PUT(0, Ehdr, e_phoff, recipe.phoff);
	PUT(0, Ehdr, e_phentsize, recipe.phentsize);
	PUT(0, Ehdr, e_phnum, recipe.phnum);
	for (i = 0; i < recipe.phnum && i < MAX_PHDRS; i++) {
		const Elf64_Phdr *phdr = &recipe.phdrs[i];

		PUT(base, Phdr, p_type, phdr->p_type);
		PUT(base, Phdr, p_offset, phdr->p_offset);
		PUT(base, Phdr, p_vaddr, phdr->p_vaddr);
		PUT(base, Phdr, p_paddr, phdr->p_paddr);
		PUT(base, Phdr, p_filesz, phdr->p_filesz);
		PUT(base, Phdr, p_memsz, phdr->p_memsz);
		base += recipe.wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	}
}

/* A sound file: a note, code, and data with a bss. */
static void sound(bool wide, bool big_endian)
{
	recipe = (struct recipe){
		.wide = wide,
		.big_endian = big_endian,
		.type = ET_EXEC,
		.machine = wide ? EM_AARCH64 : EM_ARM,
		.entry = 0x40000010,
		.phoff = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr),
		.phentsize = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr),
		.phnum = 3,
		.size = 0x3000,
		.phdrs = {
			{ .p_type = PT_NOTE, .p_offset = U32_MAX },
			{ .p_type = PT_LOAD, .p_offset = 0x1000,
			  .p_vaddr = 0x40000000, .p_paddr = 0x40000000,
			  .p_filesz = 0x1000, .p_memsz = 0x1000 },
			{ .p_type = PT_LOAD, .p_offset = 0x2000,
			  .p_vaddr = 0x40002000, .p_paddr = 0x40002000,
			  .p_filesz = 0x1000, .p_memsz = 0x8000 },
		},
	};
}

static int recognise(void)
{
	int ret;

	cook();
	ret = image_recognise(&file, &image);
	file_free(&file);
	return ret;
}

static void sound_files(void)
{
	int kind;

	for (kind = 0; kind < 4; kind++) {
		sound(kind & 1, kind & 2);
		CHECK(!recognise());
		CHECK(image.machine == recipe.machine);
		CHECK(!image.linux_kernel && !image.floating);
		CHECK(image.entry == 0x40000010);
		CHECK(image.nr_segments == 2);
		CHECK(image.segments[0].offset == 0x1000);
		CHECK(image.segments[1].address == 0x40002000);
		CHECK(image.segments[1].file_size == 0x1000);
		CHECK(image.segments[1].mem_size == 0x8000);
	}
}

/* Linked for virtual addresses, loaded to and started at physical ones. */
static void translated_entry(void)
{
	sound(true, false);
	recipe.phdrs[1].p_vaddr = 0xffff800000000000;
	recipe.entry = 0xffff800000000ffc;
	CHECK(!recognise());
	CHECK(image.entry == 0x40000ffc);
}

static void thumb_entry(void)
{
	sound(false, false);
	recipe.entry = 0x40000001;
	CHECK(!recognise());
	CHECK(image.entry == 0x40000001);
}

static void entry_outside(void)
{
	sound(true, false);
	recipe.entry = 0x40001000;
	CHECK_ERROR(recognise(), "entry point 0x40001000");
	recipe.entry = 0x3fffffff;
	CHECK_ERROR(recognise(), "entry point");
}

static void empty_segments(void)
{
	sound(true, false);
	recipe.phdrs[2].p_memsz = 0;
	recipe.phdrs[2].p_filesz = 0;
	recipe.phdrs[2].p_offset = U64_MAX;
	CHECK(!recognise());
	CHECK(image.nr_segments == 1);
	recipe.phdrs[1].p_type = PT_NULL;
	CHECK_ERROR(recognise(), "nothing to load");
}

static void truncated(void)
{
	size_t size;

	/* Whatever is missing, nothing beyond the end is read. */
	for (size = SELFMAG; size < 0x100; size++) {
		sound(size & 1, size & 2);
		cook();
		craft_truncate(&file, size);
		CHECK_ERROR(image_recognise(&file, &image), "truncated");
		file_free(&file);
	}
	sound(true, false);
	cook();
	craft_truncate(&file, 0x2fff);
	CHECK_ERROR(image_recognise(&file, &image), "truncated");
	file_free(&file);
}

static void bad_headers(void)
{
	sound(true, false);
	cook();
	file.data[EI_CLASS] = 3;
	CHECK_ERROR(image_recognise(&file, &image), "32 nor of 64");
	file.data[EI_CLASS] = ELFCLASS64;
	file.data[EI_DATA] = 0;
	CHECK_ERROR(image_recognise(&file, &image), "byte order");
	file_free(&file);

	sound(true, false);
	recipe.type = ET_REL;
	CHECK_ERROR(recognise(), "link it");
	sound(true, false);
	recipe.phentsize = 0;
	CHECK_ERROR(recognise(), "wrong size");
	sound(true, false);
	recipe.phnum = 0;
	CHECK_ERROR(recognise(), "no usable program headers");
	recipe.phnum = PN_XNUM;
	CHECK_ERROR(recognise(), "no usable program headers");
	sound(true, false);
	recipe.phnum = 0xfffe;
	CHECK_ERROR(recognise(), "truncated");
	sound(true, false);
	recipe.phoff = U64_MAX - 8;
	CHECK_ERROR(recognise(), "truncated");
	recipe.phoff = recipe.size - 8;
	CHECK_ERROR(recognise(), "truncated");
}

static void huge_segments(void)
{
	sound(true, false);
	recipe.phdrs[2].p_memsz = U64_MAX;
	CHECK_ERROR(recognise(), "exceeds all addresses");
	recipe.phdrs[2].p_memsz = U64_MAX - 0x40002000 + 2;
	CHECK_ERROR(recognise(), "exceeds all addresses");
	/* It may reach up to the last address, if there is RAM. */
	recipe.phdrs[2].p_memsz = U64_MAX - 0x40002000 + 1;
	CHECK(!recognise());

	sound(true, false);
	recipe.phdrs[2].p_vaddr = U64_MAX;
	CHECK_ERROR(recognise(), "exceeds all addresses");
	sound(true, false);
	recipe.phdrs[2].p_filesz = recipe.phdrs[2].p_memsz + 1;
	CHECK_ERROR(recognise(), "larger in the file");
	sound(true, false);
	recipe.phdrs[2].p_offset = U64_MAX;
	CHECK_ERROR(recognise(), "truncated");
	recipe.phdrs[2].p_offset = 0x2001;
	CHECK_ERROR(recognise(), "truncated");
}

static void too_many_segments(void)
{
	unsigned int i;

	sound(true, false);
	recipe.phnum = IMAGE_MAX_SEGMENTS + 1;
	for (i = 0; i < recipe.phnum; i++)
		recipe.phdrs[i] = recipe.phdrs[1];
	CHECK_ERROR(recognise(), "too many segments");
	recipe.phnum--;
	CHECK(!recognise());
	CHECK(image.nr_segments == IMAGE_MAX_SEGMENTS);
}

/* A note at @offset; returns what is behind it. */
static size_t put_note(size_t offset, const char *name, u32 name_size, u32 type,
		       u64 value, unsigned int size)
{
	put(offset, 4, name_size);
	put(offset + 4, 4, size);
	put(offset + 8, 4, type);
	memcpy(file.data + offset + 12, name, name_size);
	offset += 12 + ((name_size + 3) & ~3u);
	put(offset, size, value);
	return offset + ((size + 3) & ~3u);
}

/* A sound file with notes of others, ours, and the device tree it is about. */
static void cook_with_dtb(bool wide, bool big_endian, u64 address)
{
	const size_t notes = 0x400;
	struct file dtb;
	size_t end;

	sound(wide, big_endian);
	recipe.phdrs[0].p_offset = notes;
	recipe.phdrs[0].p_filesz = 0x100;
	recipe.size += 0x4000;
	recipe.phdrs[2].p_filesz += 0x4000;
	cook();

	craft_dtb(&dtb, 2, 2);
	memcpy(file.data + 0x2100, dtb.data, dtb.size);
	file_free(&dtb);

	/* Others use the number for something else. */
	end = put_note(notes, "GNU", 4, SDM_NOTE_DTB, 5, 4);
	end = put_note(end, "SDMX", 5, SDM_NOTE_DTB, 5, 4);
	end = put_note(end, SDM_NOTE_NAME, 4, SDM_NOTE_DUMP, 1, 8);
	end = put_note(end, SDM_NOTE_NAME, 4, SDM_NOTE_DTB, address, 8);
	/* Nothing is behind the last one. */
	recipe.phdrs[0].p_filesz = end - notes;
	PUT(recipe.phoff, Phdr, p_filesz, end - notes);
}

#define DTB 0x40002100
/* Where the last of these notes is, and what follows it */
#define OUR_NOTE 0x444
#define NOTES_END 0x45c

static void note_of_device_tree(void)
{
	int kind;

	for (kind = 0; kind < 4; kind++) {
		cook_with_dtb(kind & 1, kind & 2, DTB);
		CHECK(recipe.phdrs[0].p_filesz == NOTES_END - 0x400);
		CHECK(!image_recognise(&file, &image));
		CHECK(image.dtb == DTB);
		CHECK(!image.linux_kernel);
		file_free(&file);
	}
	sound(true, false);
	CHECK(!recognise());
	CHECK(image.dtb == 0);
}

/* @what of the notes is wrong; see note_of_device_tree() for what is right */
static void check_bad_note(size_t offset, unsigned int bytes, u64 value,
			   const char *text)
{
	int kind;

	for (kind = 0; kind < 4; kind++) {
		cook_with_dtb(kind & 1, kind & 2, DTB);
		put(offset, bytes, value);
		CHECK_ERROR(image_recognise(&file, &image), text);
		file_free(&file);
	}
}

static void bad_notes(void)
{
	u64 size;

	/* The size of the number */
	check_bad_note(OUR_NOTE + 4, 4, 7, "wrong size");
	check_bad_note(OUR_NOTE + 4, 4, 0, "wrong size");
	/* Sizes beyond the end, also where 32 bits overflow */
	check_bad_note(OUR_NOTE + 4, 4, 9, "note is truncated");
	check_bad_note(OUR_NOTE + 4, 4, U32_MAX, "note is truncated");
	check_bad_note(OUR_NOTE, 4, 9, "note is truncated");
	check_bad_note(OUR_NOTE, 4, U32_MAX, "note is truncated");
	check_bad_note(OUR_NOTE, 4, U32_MAX - 7, "note is truncated");
	cook_with_dtb(true, false, DTB);
	put(OUR_NOTE, 4, U32_MAX);
	put(OUR_NOTE + 4, 4, NOTES_END - OUR_NOTE - 12);
	CHECK_ERROR(image_recognise(&file, &image), "note is truncated");
	file_free(&file);
	/* Addresses of nothing, and of no device tree */
	check_bad_note(OUR_NOTE + 16, 8, 0, "no address");
	check_bad_note(OUR_NOTE + 16, 8, DTB - 4, "no device tree blob");
	check_bad_note(OUR_NOTE + 16, 8, 0x3fffffff, "none of the segments");
	check_bad_note(OUR_NOTE + 16, 8, U64_MAX, "none of the segments");
	/* The bss is not in the file. */
	check_bad_note(OUR_NOTE + 16, 8, 0x40007000, "none of the segments");
	check_bad_note(OUR_NOTE + 16, 8, 0x40006fff, "no device tree blob");

	/* Notes that are cut off anywhere, and outside of the file */
	for (size = 1; size < NOTES_END - 0x400; size++) {
		cook_with_dtb(true, false, DTB);
		PUT(recipe.phoff, Phdr, p_filesz, size);
		if (image_recognise(&file, &image))
			CHECK(error_contains("truncated"));
		else
			CHECK(image.dtb == 0);
		file_free(&file);
	}
	sound(true, false);
	recipe.phdrs[0].p_filesz = 1;
	CHECK_ERROR(recognise(), "notes are truncated");
	recipe.phdrs[0].p_offset = recipe.size - 1;
	CHECK_ERROR(recognise(), "note is truncated");

	/* A device tree that goes on behind its segment */
	cook_with_dtb(true, false, DTB);
	put_be(&file, 0x2104, 4, 0x4f01);
	CHECK_ERROR(image_recognise(&file, &image), "is truncated");
	put_be(&file, 0x2104, 4, 0x30);
	CHECK_ERROR(image_recognise(&file, &image), "broken device tree");
	file_free(&file);
}

const struct test elf_image_tests[] = {
	{ "ELF of both sizes and byte orders", sound_files },
	{ "ELF with a virtual entry point", translated_entry },
	{ "ELF with a Thumb entry point", thumb_entry },
	{ "ELF with an entry point outside", entry_outside },
	{ "ELF with empty segments", empty_segments },
	{ "ELF, truncated anywhere", truncated },
	{ "ELF with bad headers", bad_headers },
	{ "ELF with huge segments", huge_segments },
	{ "ELF with too many segments", too_many_segments },
	{ "ELF with a device tree", note_of_device_tree },
	{ "ELF with bad notes", bad_notes },
	{ 0 },
};
