// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the parser of ELF files. Files are blocks of memory of just
 * their size: KASAN notices what is read beside them.
 */

#include <kunit/test.h>
#include <linux/elf.h>
#include <linux/limits.h>
#include <linux/prandom.h>
#include <linux/remoteproc.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include <sdm/sdm-rproc.h>

#include "remoteproc-elf.h"

/* Without the bit by which EM_ARM tells Thumb */
#define SDM_TEST_TEXT 0x80008000u
#define SDM_TEST_DATA 0x80100000u
#define SDM_TEST_ENTRY 8
/* Physical addresses are that much lower. */
#define SDM_TEST_VIRTUAL 0x40000000u
#define SDM_TEST_DTB_ADDRESS 0x0123456748000000ull

#ifdef __LITTLE_ENDIAN
#define SDM_TEST_ORDER ELFDATA2LSB
#define SDM_TEST_OTHER_ORDER ELFDATA2MSB
#else
#define SDM_TEST_ORDER ELFDATA2MSB
#define SDM_TEST_OTHER_ORDER ELFDATA2LSB
#endif

enum { SDM_TEST_NOTE, SDM_TEST_LOAD_TEXT, SDM_TEST_LOAD_DATA, SDM_TEST_PHDRS };
enum { SDM_TEST_NULL, SDM_TEST_STRTAB, SDM_TEST_TABLE, SDM_TEST_SHDRS };

struct sdm_test_nhdr {
	u32 name_size;
	u32 desc_size;
	u32 type;
};

/* What the headers tell about. The table is last: that no end may miss. */
struct sdm_test_body {
	u8 text[0x20];
	u8 data[0x10];
	struct sdm_test_notes {
		struct sdm_test_nhdr dtb;
		char dtb_name[4];
		u64 dtb_address;
		struct sdm_test_nhdr other;
		char other_name[8]; /* 6 are used */
		u32 other_word; /* 3 bytes are used */
		struct sdm_test_nhdr dump;
		char dump_name[4];
		u32 dump_words[4];
	} notes;
	char names[0x18];
	struct sdm_test_table {
		u32 ver;
		u32 num;
		u32 reserved[2];
		u32 offset[1];
		u32 type;
	} table;
};

/* The places of all parts, the same for both classes */
#define SDM_TEST_PHDRS_AT sizeof(Elf64_Ehdr)
#define SDM_TEST_SHDRS_AT \
	(SDM_TEST_PHDRS_AT + SDM_TEST_PHDRS * sizeof(Elf64_Phdr))
#define SDM_TEST_BODY_AT \
	(SDM_TEST_SHDRS_AT + SDM_TEST_SHDRS * sizeof(Elf64_Shdr))
#define SDM_TEST_SIZE (SDM_TEST_BODY_AT + sizeof(struct sdm_test_body))
#define SDM_TEST_AT(member) \
	(SDM_TEST_BODY_AT + offsetof(struct sdm_test_body, member))

/* A file before it is written, with headers of the wide class. */
struct sdm_test_elf {
	bool wide;
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[SDM_TEST_PHDRS];
	Elf64_Shdr shdrs[SDM_TEST_SHDRS];
	struct sdm_test_body body;
	u64 size;
	/* What the parser says about it */
	struct sdm_elf elf;
};

/* The one at work: too large for the stack */
static struct sdm_test_elf sdm_made;

static void sdm_test_elf_ehdr(struct sdm_test_elf *t)
{
	t->ehdr = (Elf64_Ehdr){
		.e_ident = {
			[EI_MAG0] = ELFMAG0,
			[EI_MAG1] = ELFMAG1,
			[EI_MAG2] = ELFMAG2,
			[EI_MAG3] = ELFMAG3,
			[EI_CLASS] = t->wide ? ELFCLASS64 : ELFCLASS32,
			[EI_DATA] = SDM_TEST_ORDER,
			[EI_VERSION] = EV_CURRENT,
		},
		.e_type = ET_EXEC,
		.e_machine = t->wide ? EM_AARCH64 : EM_ARM,
		.e_version = EV_CURRENT,
		.e_entry = SDM_TEST_TEXT + SDM_TEST_ENTRY,
		.e_phoff = SDM_TEST_PHDRS_AT,
		.e_shoff = SDM_TEST_SHDRS_AT,
		.e_phentsize = t->wide ? sizeof(Elf64_Phdr) :
					 sizeof(Elf32_Phdr),
		.e_phnum = SDM_TEST_PHDRS,
		.e_shentsize = t->wide ? sizeof(Elf64_Shdr) :
					 sizeof(Elf32_Shdr),
		.e_shnum = SDM_TEST_SHDRS,
		.e_shstrndx = SDM_TEST_STRTAB,
	};
}

static void sdm_test_elf_phdrs(struct sdm_test_elf *t)
{
	Elf64_Phdr *note = &t->phdrs[SDM_TEST_NOTE];
	Elf64_Phdr *text = &t->phdrs[SDM_TEST_LOAD_TEXT];
	Elf64_Phdr *data = &t->phdrs[SDM_TEST_LOAD_DATA];

	memset(t->phdrs, 0, sizeof(t->phdrs));
	note->p_type = PT_NOTE;
	note->p_offset = SDM_TEST_AT(notes);
	note->p_filesz = sizeof(t->body.notes);

	text->p_type = PT_LOAD;
	text->p_offset = SDM_TEST_AT(text);
	text->p_vaddr = SDM_TEST_TEXT;
	text->p_paddr = SDM_TEST_TEXT - SDM_TEST_VIRTUAL;
	text->p_filesz = sizeof(t->body.text);
	text->p_memsz = sizeof(t->body.text);

	data->p_type = PT_LOAD;
	data->p_offset = SDM_TEST_AT(data);
	data->p_vaddr = SDM_TEST_DATA;
	data->p_paddr = SDM_TEST_DATA - SDM_TEST_VIRTUAL;
	data->p_filesz = sizeof(t->body.data);
	data->p_memsz = 0x1000;
}

static void sdm_test_elf_shdrs(struct sdm_test_elf *t)
{
	memset(t->shdrs, 0, sizeof(t->shdrs));
	t->shdrs[SDM_TEST_STRTAB].sh_name = 1;
	t->shdrs[SDM_TEST_STRTAB].sh_offset = SDM_TEST_AT(names);
	t->shdrs[SDM_TEST_STRTAB].sh_size = sizeof(t->body.names);
	t->shdrs[SDM_TEST_TABLE].sh_name = 3;
	t->shdrs[SDM_TEST_TABLE].sh_addr = SDM_TEST_DATA;
	t->shdrs[SDM_TEST_TABLE].sh_offset = SDM_TEST_AT(table);
	t->shdrs[SDM_TEST_TABLE].sh_size = sizeof(t->body.table);
}

static void sdm_test_elf_body(struct sdm_test_elf *t)
{
	t->body = (struct sdm_test_body){
		.text = { 1, 2, 3 },
		.data = { 4, 5, 6 },
		.notes = {
			.dtb = { 4, 8, SDM_NOTE_DTB },
			.dtb_name = SDM_NOTE_NAME,
			.dtb_address = SDM_TEST_DTB_ADDRESS,
			/* Somebody else's, with the number of one of ours */
			.other = { 6, 3, SDM_NOTE_DUMP },
			.other_name = "Other",
			.dump = { 4, 16, SDM_NOTE_DUMP },
			.dump_name = SDM_NOTE_NAME,
			.dump_words = { 1, 2, 3, 4 },
		},
		.names = "\0s\0.resource_table",
		.table = {
			.ver = 1,
			.num = 1,
			.offset = { offsetof(struct sdm_test_table, type) },
			.type = RSC_TRACE,
		},
	};
}

/* A file of which nothing is wrong */
static void sdm_test_elf_sound(struct sdm_test_elf *t, bool wide)
{
	t->wide = wide;
	t->size = SDM_TEST_SIZE;
	sdm_test_elf_ehdr(t);
	sdm_test_elf_phdrs(t);
	sdm_test_elf_shdrs(t);
	sdm_test_elf_body(t);
}

static void sdm_test_write_ehdr(u8 *to, const Elf64_Ehdr *from, bool wide)
{
	Elf32_Ehdr narrow = {
		.e_type = from->e_type,
		.e_machine = from->e_machine,
		.e_version = from->e_version,
		.e_entry = from->e_entry,
		.e_phoff = from->e_phoff,
		.e_shoff = from->e_shoff,
		.e_phentsize = from->e_phentsize,
		.e_phnum = from->e_phnum,
		.e_shentsize = from->e_shentsize,
		.e_shnum = from->e_shnum,
		.e_shstrndx = from->e_shstrndx,
	};

	memcpy(narrow.e_ident, from->e_ident, EI_NIDENT);
	if (wide)
		memcpy(to, from, sizeof(*from));
	else
		memcpy(to, &narrow, sizeof(narrow));
}

static void sdm_test_write_phdr(u8 *to, const Elf64_Phdr *from,
				unsigned int i, bool wide)
{
	Elf32_Phdr narrow = {
		.p_type = from->p_type,
		.p_offset = from->p_offset,
		.p_vaddr = from->p_vaddr,
		.p_paddr = from->p_paddr,
		.p_filesz = from->p_filesz,
		.p_memsz = from->p_memsz,
	};

	if (wide)
		memcpy(to + i * sizeof(*from), from, sizeof(*from));
	else
		memcpy(to + i * sizeof(narrow), &narrow, sizeof(narrow));
}

static void sdm_test_write_shdr(u8 *to, const Elf64_Shdr *from,
				unsigned int i, bool wide)
{
	Elf32_Shdr narrow = {
		.sh_name = from->sh_name,
		.sh_addr = from->sh_addr,
		.sh_offset = from->sh_offset,
		.sh_size = from->sh_size,
	};

	if (wide)
		memcpy(to + i * sizeof(*from), from, sizeof(*from));
	else
		memcpy(to + i * sizeof(narrow), &narrow, sizeof(narrow));
}

/* The first @size bytes of a file */
static u8 *sdm_test_elf_write(struct kunit *test, const struct sdm_test_elf *t,
			      size_t size)
{
	u8 whole[SDM_TEST_SIZE] = {};
	unsigned int i;
	u8 *file;

	sdm_test_write_ehdr(whole, &t->ehdr, t->wide);
	for (i = 0; i < SDM_TEST_PHDRS; i++)
		sdm_test_write_phdr(whole + SDM_TEST_PHDRS_AT, &t->phdrs[i], i,
				    t->wide);
	for (i = 0; i < SDM_TEST_SHDRS; i++)
		sdm_test_write_shdr(whole + SDM_TEST_SHDRS_AT, &t->shdrs[i], i,
				    t->wide);
	memcpy(whole + SDM_TEST_BODY_AT, &t->body, sizeof(t->body));

	file = kmemdup(whole, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, file);

	return file;
}

/* Return: what is wrong with the file, "" for nothing. */
static const char *sdm_test_parse(struct sdm_test_elf *t, const u8 *file,
				  size_t size)
{
	return sdm_elf_parse(&t->elf, file, size) ?: "";
}

/* Writes the file, parses it, and forgets it. */
static const char *sdm_test_write_and_parse(struct kunit *test,
					    struct sdm_test_elf *t)
{
	u8 *file = sdm_test_elf_write(test, t, t->size);
	const char *wrong = sdm_test_parse(t, file, t->size);

	kfree(file);

	return wrong;
}

static void sdm_test_elf_check_sound(struct kunit *test,
				     const struct sdm_test_elf *t,
				     const u8 *file)
{
	const struct sdm_elf *elf = &t->elf;
	const struct sdm_elf_segment *text = &elf->segments[0];
	const struct sdm_elf_segment *data = &elf->segments[1];

	KUNIT_EXPECT_EQ(test, elf->wide, t->wide);
	KUNIT_EXPECT_EQ(test, (int)elf->machine, (int)t->ehdr.e_machine);
	KUNIT_EXPECT_EQ(test, elf->entry,
			SDM_TEST_TEXT - SDM_TEST_VIRTUAL + SDM_TEST_ENTRY);
	KUNIT_ASSERT_EQ(test, elf->num_segments, 2);
	KUNIT_EXPECT_PTR_EQ(test, text->data,
			    (const void *)(file + SDM_TEST_AT(text)));
	KUNIT_EXPECT_EQ(test, text->address, SDM_TEST_TEXT - SDM_TEST_VIRTUAL);
	KUNIT_EXPECT_EQ(test, text->file_size, sizeof(t->body.text));
	KUNIT_EXPECT_EQ(test, text->mem_size, sizeof(t->body.text));
	KUNIT_EXPECT_PTR_EQ(test, data->data,
			    (const void *)(file + SDM_TEST_AT(data)));
	KUNIT_EXPECT_EQ(test, data->address, SDM_TEST_DATA - SDM_TEST_VIRTUAL);
	KUNIT_EXPECT_EQ(test, data->file_size, sizeof(t->body.data));
	KUNIT_EXPECT_EQ(test, data->mem_size, 0x1000);

	KUNIT_EXPECT_PTR_EQ(test, elf->dtb.data,
			    (const void *)(file +
					   SDM_TEST_AT(notes.dtb_address)));
	KUNIT_EXPECT_EQ(test, elf->dtb.size, 8);
	KUNIT_EXPECT_PTR_EQ(test, elf->dump.data,
			    (const void *)(file +
					   SDM_TEST_AT(notes.dump_words)));
	KUNIT_EXPECT_EQ(test, elf->dump.size, 16);
	KUNIT_EXPECT_PTR_EQ(test, elf->table.data,
			    (const void *)(file + SDM_TEST_AT(table)));
	KUNIT_EXPECT_EQ(test, elf->table.size, sizeof(t->body.table));
	KUNIT_EXPECT_EQ(test, elf->table.address, SDM_TEST_DATA);
}

static void sdm_test_elf_good(struct kunit *test)
{
	struct sdm_test_elf *t = &sdm_made;
	unsigned int wide, shift;
	u8 *file, *moved;

	for (wide = 0; wide < 2; wide++) {
		sdm_test_elf_sound(t, wide);
		file = sdm_test_elf_write(test, t, t->size);
		/* Headers need no alignment. */
		for (shift = 0; shift < 8; shift++) {
			moved = kmalloc(t->size + shift, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, moved);
			memcpy(moved + shift, file, t->size);
			KUNIT_EXPECT_STREQ(test,
					   sdm_test_parse(t, moved + shift,
							  t->size), "");
			sdm_test_elf_check_sound(test, t, moved + shift);
			kfree(moved);
		}
		kfree(file);
	}
}

/* What may be missing, or be otherwise */
static void sdm_test_elf_variants(struct kunit *test)
{
	struct sdm_test_elf *t = &sdm_made;
	unsigned int wide;

	for (wide = 0; wide < 2; wide++) {
		sdm_test_elf_sound(t, wide);
		t->ehdr.e_type = ET_DYN;
		/* What tells neither of sections nor of notes */
		t->ehdr.e_shnum = 0;
		t->ehdr.e_shoff = U64_MAX;
		t->phdrs[SDM_TEST_NOTE].p_type = PT_NULL;
		KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t), "");
		KUNIT_EXPECT_EQ(test, t->elf.num_segments, 2);
		KUNIT_EXPECT_NULL(test, t->elf.dtb.data);
		KUNIT_EXPECT_NULL(test, t->elf.dump.data);
		KUNIT_EXPECT_NULL(test, t->elf.table.data);

		/* Sections without names */
		sdm_test_elf_sound(t, wide);
		t->ehdr.e_shstrndx = SDM_TEST_SHDRS;
		KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t), "");
		KUNIT_EXPECT_NULL(test, t->elf.table.data);

		/* A name that goes on behind the end of all names */
		sdm_test_elf_sound(t, wide);
		t->shdrs[SDM_TEST_STRTAB].sh_size =
			3 + sizeof(".resource_table") - 1;
		KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t), "");
		KUNIT_EXPECT_NULL(test, t->elf.table.data);

		/* The last note without its padding, which is the end */
		sdm_test_elf_sound(t, wide);
		t->phdrs[SDM_TEST_NOTE].p_filesz =
			offsetof(struct sdm_test_notes, other_word) + 3;
		KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t), "");
		KUNIT_EXPECT_NOT_NULL(test, t->elf.dtb.data);
		KUNIT_EXPECT_NULL(test, t->elf.dump.data);

		/* Nothing in the file, wherever that is; nothing in memory */
		sdm_test_elf_sound(t, wide);
		t->phdrs[SDM_TEST_LOAD_DATA].p_filesz = 0;
		KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t), "");
		KUNIT_EXPECT_EQ(test, t->elf.num_segments, 2);
		t->phdrs[SDM_TEST_LOAD_DATA].p_memsz = 0;
		t->phdrs[SDM_TEST_LOAD_DATA].p_offset = U64_MAX;
		KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t), "");
		KUNIT_EXPECT_EQ(test, t->elf.num_segments, 1);

		/* Side by side is no overlap. */
		sdm_test_elf_sound(t, wide);
		t->phdrs[SDM_TEST_LOAD_DATA].p_paddr =
			t->phdrs[SDM_TEST_LOAD_TEXT].p_paddr +
			sizeof(t->body.text);
		KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t), "");
		t->phdrs[SDM_TEST_LOAD_DATA].p_paddr =
			t->phdrs[SDM_TEST_LOAD_TEXT].p_paddr - 0x1000;
		KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t), "");
	}
}

/* The bit says in which state an Arm starts, others have no such bit. */
static void sdm_test_elf_thumb(struct kunit *test)
{
	struct sdm_test_elf *t = &sdm_made;

	sdm_test_elf_sound(t, false);
	t->ehdr.e_entry = SDM_TEST_TEXT + 1;
	KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t), "");
	KUNIT_EXPECT_EQ(test, t->elf.entry,
			SDM_TEST_TEXT - SDM_TEST_VIRTUAL + 1);

	/* Its first address is what counts. */
	t->ehdr.e_entry = SDM_TEST_TEXT + sizeof(t->body.text) + 1;
	KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t),
			   "its entry point is in none of its segments");

	sdm_test_elf_sound(t, true);
	t->phdrs[SDM_TEST_LOAD_TEXT].p_vaddr++;
	t->ehdr.e_entry = SDM_TEST_TEXT + 1;
	KUNIT_EXPECT_STREQ(test, sdm_test_write_and_parse(test, t), "");
	KUNIT_EXPECT_EQ(test, t->elf.entry, SDM_TEST_TEXT - SDM_TEST_VIRTUAL);
}

/* As many segments as there may be, and one more */
static void sdm_test_elf_many(struct kunit *test)
{
	enum { MAX = SDM_ELF_MAX_SEGMENTS };
	struct sdm_test_elf *t = &sdm_made;
	Elf64_Phdr phdr;
	unsigned int wide, i;
	size_t phdr_size;
	u8 *file;

	for (wide = 0; wide < 2; wide++) {
		sdm_test_elf_sound(t, wide);
		phdr_size = t->ehdr.e_phentsize;
		phdr = t->phdrs[SDM_TEST_LOAD_TEXT];
		file = kzalloc(SDM_TEST_SIZE + (MAX + 1) * phdr_size,
			       GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, file);
		t->ehdr.e_shnum = 0;
		t->ehdr.e_phoff = SDM_TEST_SIZE;
		for (i = 0; i <= MAX; i++) {
			sdm_test_write_phdr(file + SDM_TEST_SIZE, &phdr, i,
					    wide);
			phdr.p_paddr += phdr.p_memsz;
		}
		for (i = MAX; i <= MAX + 1; i++) {
			t->ehdr.e_phnum = i;
			sdm_test_write_ehdr(file, &t->ehdr, wide);
			KUNIT_EXPECT_STREQ(test,
					   sdm_test_parse(t, file,
							  SDM_TEST_SIZE +
							  i * phdr_size),
					   i == MAX ? "" :
					   "it has too many segments");
			KUNIT_EXPECT_EQ(test, t->elf.num_segments, MAX);
		}
		kfree(file);
	}
}

/* A member of sdm_made, and what is put there */
struct sdm_test_edit {
	void *to;
	size_t size;
	u64 value;
};

struct sdm_test_defect {
	const char *wrong;
	bool wide_only;
	struct sdm_test_edit edits[2];
};

#define SDM_EDIT(member, what) \
	{ .to = &(member), .size = sizeof(member), .value = (what) }
#define SDM_EHDR(member, what) SDM_EDIT(sdm_made.ehdr.member, what)
#define SDM_PHDR(which, member, what) \
	SDM_EDIT(sdm_made.phdrs[SDM_TEST_##which].member, what)
#define SDM_SHDR(which, member, what) \
	SDM_EDIT(sdm_made.shdrs[SDM_TEST_##which].member, what)
#define SDM_BODY(member, what) SDM_EDIT(sdm_made.body.member, what)
#define SDM_SIZE(what) SDM_EDIT(sdm_made.size, what)

/* By what the parser has to say about them */
static const struct sdm_test_defect sdm_test_defects[] = {
#define WRONG "it is no ELF file"
	{ WRONG, .edits = { SDM_SIZE(0) } },
	{ WRONG, .edits = { SDM_SIZE(EI_NIDENT - 1) } },
	{ WRONG, .edits = { SDM_EHDR(e_ident[EI_MAG0], 0) } },
	{ WRONG, .edits = { SDM_EHDR(e_ident[EI_MAG3], 'G') } },
#undef WRONG
#define WRONG "it has another byte order than this machine"
	{ WRONG, .edits = { SDM_EHDR(e_ident[EI_DATA],
				     SDM_TEST_OTHER_ORDER) } },
	{ WRONG, .edits = { SDM_EHDR(e_ident[EI_DATA], 0) } },
#undef WRONG
#define WRONG "it is neither of 32 nor of 64 bits"
	{ WRONG, .edits = { SDM_EHDR(e_ident[EI_CLASS], 0) } },
	{ WRONG, .edits = { SDM_EHDR(e_ident[EI_CLASS], 3) } },
#undef WRONG
#define WRONG "its header is truncated"
	{ WRONG, .edits = { SDM_SIZE(EI_NIDENT) } },
	{ WRONG, .edits = { SDM_SIZE(sizeof(Elf32_Ehdr) - 1) } },
	{ WRONG, true, { SDM_SIZE(sizeof(Elf64_Ehdr) - 1) } },
#undef WRONG
#define WRONG "it is not linked"
	{ WRONG, .edits = { SDM_EHDR(e_type, ET_REL) } },
	{ WRONG, .edits = { SDM_EHDR(e_type, ET_CORE) } },
#undef WRONG
#define WRONG "its program headers have a wrong size"
	{ WRONG, .edits = { SDM_EHDR(e_phentsize, 0) } },
	{ WRONG, .edits = { SDM_EHDR(e_phentsize, 31) } },
#undef WRONG
#define WRONG "its program headers are truncated"
	{ WRONG, .edits = { SDM_EHDR(e_phnum, 0xffff) } },
	{ WRONG, .edits = { SDM_EHDR(e_phoff, SDM_TEST_SIZE) } },
	{ WRONG, .edits = { SDM_EHDR(e_phoff, SDM_TEST_SIZE -
				     3 * sizeof(Elf32_Phdr) + 1) } },
	{ WRONG, .edits = { SDM_EHDR(e_phoff, U64_MAX) } },
	/* Its end is zero. */
	{ WRONG, true, { SDM_EHDR(e_phoff,
				  -3ull * sizeof(Elf64_Phdr)) } },
#undef WRONG
#define WRONG "its section headers have a wrong size"
	{ WRONG, .edits = { SDM_EHDR(e_shentsize, 0) } },
	{ WRONG, .edits = { SDM_EHDR(e_shentsize, 39) } },
#undef WRONG
#define WRONG "its section headers are truncated"
	{ WRONG, .edits = { SDM_EHDR(e_shnum, 0xffff) } },
	{ WRONG, .edits = { SDM_EHDR(e_shoff, SDM_TEST_SIZE) } },
	{ WRONG, .edits = { SDM_EHDR(e_shoff, SDM_TEST_SIZE -
				     3 * sizeof(Elf32_Shdr) + 1) } },
	{ WRONG, .edits = { SDM_EHDR(e_shoff, U64_MAX) } },
	{ WRONG, true, { SDM_EHDR(e_shoff,
				  -3ull * sizeof(Elf64_Shdr)) } },
#undef WRONG
#define WRONG "a segment is larger in the file than in memory"
	{ WRONG, .edits = { SDM_PHDR(LOAD_TEXT, p_filesz, 0x21) } },
	{ WRONG, .edits = { SDM_PHDR(LOAD_TEXT, p_filesz, U64_MAX) } },
#undef WRONG
#define WRONG "a segment is truncated"
	{ WRONG, .edits = { SDM_PHDR(LOAD_TEXT, p_offset,
				     SDM_TEST_SIZE - 0x1f) } },
	{ WRONG, .edits = { SDM_PHDR(LOAD_TEXT, p_offset, U64_MAX) } },
	{ WRONG, true, { SDM_PHDR(LOAD_TEXT, p_offset, -0x20ull) } },
	{ WRONG, .edits = { SDM_PHDR(LOAD_TEXT, p_filesz, SDM_TEST_SIZE),
			    SDM_PHDR(LOAD_TEXT, p_memsz, SDM_TEST_SIZE) } },
#undef WRONG
#define WRONG "a segment exceeds all addresses"
	{ WRONG, true, { SDM_PHDR(LOAD_TEXT, p_paddr, -0x1full) } },
	{ WRONG, true, { SDM_PHDR(LOAD_DATA, p_memsz, U64_MAX) } },
#undef WRONG
#define WRONG "its segments overlap"
	{ WRONG, .edits = { SDM_PHDR(LOAD_DATA, p_paddr, SDM_TEST_TEXT -
				     SDM_TEST_VIRTUAL + 0x1f) } },
	{ WRONG, .edits = { SDM_PHDR(LOAD_DATA, p_paddr, SDM_TEST_TEXT -
				     SDM_TEST_VIRTUAL - 0xfff) } },
#undef WRONG
#define WRONG "its notes are truncated"
	{ WRONG, .edits = { SDM_PHDR(NOTE, p_offset, SDM_TEST_SIZE + 1 -
				     sizeof(struct sdm_test_notes)) } },
	{ WRONG, .edits = { SDM_PHDR(NOTE, p_filesz, SDM_TEST_SIZE) } },
	{ WRONG, .edits = { SDM_PHDR(NOTE, p_offset, U64_MAX) } },
#undef WRONG
#define WRONG "a note is truncated"
	{ WRONG, .edits = { SDM_PHDR(NOTE, p_filesz, 11) } },
	{ WRONG, .edits = { SDM_PHDR(NOTE, p_filesz, 23) } },
	{ WRONG, .edits = { SDM_PHDR(NOTE, p_filesz,
				     sizeof(struct sdm_test_notes) - 1) } },
	{ WRONG, .edits = { SDM_BODY(notes.dump.desc_size, 17) } },
	{ WRONG, .edits = { SDM_BODY(notes.dtb.desc_size, U32_MAX) } },
	/* Sizes whose sums do not fit into 32 bits */
	{ WRONG, .edits = { SDM_BODY(notes.dtb.name_size, U32_MAX) } },
	{ WRONG, .edits = { SDM_BODY(notes.dtb.name_size,
				     U32_MAX - 0x13) } },
	{ WRONG, .edits = { SDM_BODY(notes.dump.name_size, U32_MAX),
			    SDM_BODY(notes.dump.desc_size, 20) } },
#undef WRONG
#define WRONG "it has nothing to load"
	{ WRONG, .edits = { SDM_EHDR(e_phnum, 0) } },
	{ WRONG, .edits = { SDM_EHDR(e_phnum, 1) } },
#undef WRONG
#define WRONG "its entry point is in none of its segments"
	{ WRONG, .edits = { SDM_EHDR(e_entry, 0) } },
	{ WRONG, .edits = { SDM_EHDR(e_entry, SDM_TEST_TEXT - 4) } },
	{ WRONG, .edits = { SDM_EHDR(e_entry, SDM_TEST_TEXT + 0x20) } },
	{ WRONG, .edits = { SDM_EHDR(e_entry, SDM_TEST_TEXT -
				     SDM_TEST_VIRTUAL) } },
#undef WRONG
#define WRONG "the names of its sections are truncated"
	{ WRONG, .edits = { SDM_SHDR(STRTAB, sh_offset, SDM_TEST_SIZE -
				     0x17) } },
	{ WRONG, .edits = { SDM_SHDR(STRTAB, sh_offset, U64_MAX) } },
	{ WRONG, .edits = { SDM_SHDR(STRTAB, sh_size, SDM_TEST_SIZE) } },
#undef WRONG
#define WRONG "its resource table is truncated"
	{ WRONG, .edits = { SDM_SHDR(TABLE, sh_size, 0) } },
	{ WRONG, .edits = { SDM_SHDR(TABLE, sh_size, 15) } },
	{ WRONG, .edits = { SDM_SHDR(TABLE, sh_size,
				     sizeof(struct sdm_test_table) + 1) } },
	{ WRONG, .edits = { SDM_SHDR(TABLE, sh_offset, U64_MAX) } },
	{ WRONG, .edits = { SDM_BODY(table.num, 3) } },
	{ WRONG, .edits = { SDM_BODY(table.num, U32_MAX) } },
	{ WRONG, .edits = { SDM_BODY(table.num, 0x40000000) } },
#undef WRONG
#define WRONG "its resource table has an unknown version"
	{ WRONG, .edits = { SDM_BODY(table.ver, 0) } },
	{ WRONG, .edits = { SDM_BODY(table.ver, 2) } },
#undef WRONG
#define WRONG "its resource table uses reserved fields"
	{ WRONG, .edits = { SDM_BODY(table.reserved[0], 1) } },
	{ WRONG, .edits = { SDM_BODY(table.reserved[1], 1) } },
#undef WRONG
#define WRONG "an entry of its resource table is outside of it"
	{ WRONG, .edits = { SDM_BODY(table.offset[0], 0) } },
	{ WRONG, .edits = { SDM_BODY(table.offset[0], 19) } },
	{ WRONG, .edits = { SDM_BODY(table.offset[0], 21) } },
	{ WRONG, .edits = { SDM_BODY(table.offset[0], U32_MAX) } },
#undef WRONG
#define WRONG "its note of the device tree has a wrong size"
	{ WRONG, .edits = { SDM_BODY(notes.dtb.desc_size, 4),
			    SDM_PHDR(NOTE, p_filesz, 20) } },
	{ WRONG, .edits = { SDM_BODY(notes.dtb.desc_size, 0),
			    SDM_PHDR(NOTE, p_filesz, 16) } },
#undef WRONG
#define WRONG "its note of what to dump has a wrong size"
	{ WRONG, .edits = { SDM_BODY(notes.dump.desc_size, 8),
			    SDM_PHDR(NOTE, p_filesz,
				     sizeof(struct sdm_test_notes) - 8) } },
#undef WRONG
};

static void sdm_test_edit(const struct sdm_test_edit *edit)
{
	switch (edit->size) {
	case sizeof(u8):
		*(u8 *)edit->to = edit->value;
		break;
	case sizeof(u16):
		*(u16 *)edit->to = edit->value;
		break;
	case sizeof(u32):
		*(u32 *)edit->to = edit->value;
		break;
	case sizeof(u64):
		*(u64 *)edit->to = edit->value;
	}
}

/* Each file is sound but for one thing. */
static void sdm_test_elf_refused(struct kunit *test)
{
	struct sdm_test_elf *t = &sdm_made;
	unsigned int wide, i;

	for (i = 0; i < ARRAY_SIZE(sdm_test_defects); i++) {
		const struct sdm_test_defect *defect = &sdm_test_defects[i];

		for (wide = defect->wide_only; wide < 2; wide++) {
			sdm_test_elf_sound(t, wide);
			sdm_test_edit(&defect->edits[0]);
			sdm_test_edit(&defect->edits[1]);
			KUNIT_EXPECT_STREQ_MSG(test,
					       sdm_test_write_and_parse(test,
									t),
					       defect->wrong,
					       "defect %u of %u bits", i,
					       wide ? 64 : 32);
		}
	}
}

/* All of the file is needed. */
static void sdm_test_elf_truncated(struct kunit *test)
{
	struct sdm_test_elf *t = &sdm_made;
	unsigned int wide;
	size_t size;

	for (wide = 0; wide < 2; wide++) {
		sdm_test_elf_sound(t, wide);
		for (size = 0; size < SDM_TEST_SIZE; size++) {
			t->size = size;
			KUNIT_EXPECT_STRNEQ(test,
					    sdm_test_write_and_parse(test, t),
					    "");
		}
	}
}

static bool sdm_test_part_inside(const struct sdm_test_elf *t, const u8 *file,
				 const u8 *data, u64 size)
{
	return !data || (data >= file && data <= file + t->size &&
			 size <= file + t->size - data);
}

/* Of a file that is taken, all that is handed out is inside. */
static void sdm_test_elf_check_inside(struct kunit *test,
				      const struct sdm_test_elf *t,
				      const u8 *file)
{
	const struct sdm_elf *elf = &t->elf;
	unsigned int i;

	KUNIT_EXPECT_GE(test, elf->num_segments, 1);
	KUNIT_ASSERT_LE(test, elf->num_segments, SDM_ELF_MAX_SEGMENTS);
	for (i = 0; i < elf->num_segments; i++) {
		const struct sdm_elf_segment *segment = &elf->segments[i];

		KUNIT_EXPECT_TRUE(test,
				  sdm_test_part_inside(t, file, segment->data,
						       segment->file_size));
		KUNIT_EXPECT_LE(test, segment->file_size, segment->mem_size);
		KUNIT_EXPECT_LE(test, segment->address,
				U64_MAX - segment->mem_size);
	}
	KUNIT_EXPECT_TRUE(test, sdm_test_part_inside(t, file, elf->dtb.data,
						     elf->dtb.size));
	KUNIT_EXPECT_TRUE(test, sdm_test_part_inside(t, file, elf->dump.data,
						     elf->dump.size));
	KUNIT_EXPECT_TRUE(test, sdm_test_part_inside(t, file, elf->table.data,
						     elf->table.size));
}

static void sdm_test_elf_try(struct kunit *test, struct sdm_test_elf *t,
			     const u8 *file)
{
	if (!*sdm_test_parse(t, file, t->size))
		sdm_test_elf_check_inside(test, t, file);
}

/* Each byte in turn is another one. */
static void sdm_test_elf_bytes(struct kunit *test)
{
	static const u8 changes[] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40,
				      0x80, 0xff, 0x7f };
	struct sdm_test_elf *t = &sdm_made;
	unsigned int wide, i;
	size_t at;
	u8 *file;

	for (wide = 0; wide < 2; wide++) {
		sdm_test_elf_sound(t, wide);
		file = sdm_test_elf_write(test, t, t->size);
		for (at = 0; at < t->size; at++) {
			for (i = 0; i < ARRAY_SIZE(changes); i++) {
				file[at] ^= changes[i];
				sdm_test_elf_try(test, t, file);
				file[at] ^= changes[i];
			}
		}
		kfree(file);
	}
}

/* Several words are other ones, near to where something ends. */
static void sdm_test_elf_words(struct kunit *test)
{
	static const u32 ends[] = { 0, 0x80000000, SDM_TEST_SIZE,
				    SDM_TEST_BODY_AT };
	struct sdm_test_elf *t = &sdm_made;
	struct rnd_state random;
	unsigned int round, i;
	size_t at;
	u32 word;
	u8 *file;

	/* Always the same ones */
	prandom_seed_state(&random, 1);
	for (round = 0; round < 4000; round++) {
		sdm_test_elf_sound(t, round % 2);
		/* Mostly whole */
		if (!(prandom_u32_state(&random) % 4))
			t->size = prandom_u32_state(&random) %
				  (SDM_TEST_SIZE + 1);
		file = sdm_test_elf_write(test, t, t->size);
		for (i = prandom_u32_state(&random) % 3; i < 3; i++) {
			at = prandom_u32_state(&random) %
			     (SDM_TEST_SIZE / sizeof(word)) * sizeof(word);
			word = ends[prandom_u32_state(&random) %
				    ARRAY_SIZE(ends)] +
			       prandom_u32_state(&random) % 9 - 4;
			if (at + sizeof(word) <= t->size)
				memcpy(file + at, &word, sizeof(word));
		}
		sdm_test_elf_try(test, t, file);
		kfree(file);
	}
}

static struct kunit_case sdm_elf_cases[] = {
	KUNIT_CASE(sdm_test_elf_good),
	KUNIT_CASE(sdm_test_elf_variants),
	KUNIT_CASE(sdm_test_elf_thumb),
	KUNIT_CASE(sdm_test_elf_many),
	KUNIT_CASE(sdm_test_elf_refused),
	KUNIT_CASE(sdm_test_elf_truncated),
	KUNIT_CASE(sdm_test_elf_bytes),
	KUNIT_CASE(sdm_test_elf_words),
	{}
};

static struct kunit_suite sdm_elf_suite = {
	.name = "sdm-elf",
	.test_cases = sdm_elf_cases,
};

kunit_test_suite(sdm_elf_suite);
