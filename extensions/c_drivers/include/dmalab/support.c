/*
 * Compiled with every driver. Afterwards each load and store in the compiled code and each move of the
 * stack pointer becomes a call of a function here, and each block of code begins with one
 * (extensions/c_drivers/wasm/checked_module.ts). Nothing in a driver's text can prevent that, and what these
 * functions keep lies where no other code reaches it.
 */
#define PLAIN no_sanitize("kernel-address"), no_stack_protector
#define RAW __attribute__((PLAIN))
#define HOOK __attribute__((PLAIN, visibility("hidden"), used))
/* A function that code is changed into calls of. */
#define CHECK(name) __attribute__((PLAIN, visibility("hidden"), export_name(#name)))
#define IMPORT(name) extern __attribute__((import_module("dmalab"), import_name(#name)))

typedef unsigned long word;

IMPORT(touch) void dmalab_touch(double at, double bytes, int writes);
IMPORT(burnt) int dmalab_burnt(void);
IMPORT(passed) void dmalab_passed(int block);
IMPORT(deep) void dmalab_deep(void);
IMPORT(smashed) void dmalab_smashed(void);
IMPORT(line) void dmalab_line(int line, double stack_at);
IMPORT(globals) void dmalab_globals(double table, double count);

/* One byte for eight: 0 where all of them may be used, 1 to 7 where the first ones may, else a mark.
 * It is kept with its top bit turned round, so that untouched memory means what was never given out. */
#define TURNED 0x80
/* A mark of its own, beside how many bytes may be used: constants, which are only read. */
#define CONSTANT 0x10
#define SHADOW ((unsigned char *)DMALAB_SHADOW_AT)
#define FUEL (*(int *)DMALAB_FUEL_AT)
#define CALL (*(int *)DMALAB_CALL_AT)
#define CALL_DEPTH (*(int *)DMALAB_CALL_DEPTH_AT)
#define CALLS ((int *)DMALAB_CALLS_AT)
#define NOTES_LEFT (*(unsigned *)DMALAB_NOTES_LEFT_AT)
#define NOTES ((struct note *)DMALAB_NOTES_AT)
/* One byte for each block of code: not zero until it runs. */
#define BLOCKS ((unsigned char *)DMALAB_BLOCKS_AT)
/* Bytes that are copied in the time that a block takes. */
#define BLOCK_BYTES 64

struct note {
	word one, other, at;
};

/* Each function keeps it behind its arrays, and compares it when it returns. */
word __stack_chk_guard = 0x5ca1ab1e0ddba11;

RAW static inline __attribute__((always_inline)) int is_open(word at, word bytes, int writes)
{
	word last = at + bytes - 1;
	signed char mark;
	if (last >= DMALAB_SHADOW_AT || last < at)
		return 0;
	mark = (signed char)(SHADOW[last >> 3] ^ TURNED);
	if (__builtin_expect(mark != 0, 0)) {
		if (!writes && mark > 0)
			mark &= ~CONSTANT;
		if (mark < 0 || mark > 7 || (mark != 0 && (int)(last & 7) >= mark))
			return 0;
	}
	return last >> 3 == at >> 3 || SHADOW[at >> 3] == TURNED;
}

RAW static inline __attribute__((always_inline)) void check(word at, word bytes, int writes)
{
	if (__builtin_expect(!is_open(at, bytes, writes), 0))
		dmalab_touch((double)(long)at, (double)bytes, writes);
}

RAW static inline __attribute__((always_inline)) void check_span(word at, word bytes, int writes)
{
	word granule, last = at + bytes - 1;

	if (bytes == 0)
		return;
	if (last < DMALAB_SHADOW_AT && last >= at) {
		for (granule = at >> 3; granule < last >> 3; granule++)
			if (SHADOW[granule] != TURNED)
				break;
		if (granule == last >> 3 && is_open(last, 1, writes))
			return;
	}
	dmalab_touch((double)(long)at, (double)bytes, writes);
}

RAW static inline __attribute__((always_inline)) void burn(int blocks)
{
	FUEL -= blocks;
	if (__builtin_expect(FUEL < 0, 0))
		FUEL = dmalab_burnt();
}

#define LOAD(name, value, type)                               \
	CHECK(name) value name(word at, word offset)          \
	{                                                     \
		check(at + offset, sizeof(type), 0);          \
		return (value)*(type *)(at + offset);         \
	}
#define STORE(name, value, type)                              \
	CHECK(name) void name(word at, value stored, word offset) \
	{                                                     \
		check(at + offset, sizeof(type), 1);          \
		*(type *)(at + offset) = (type)stored;        \
	}
/* By the names of the instructions. */
LOAD(dmalab_i32_load, int, int)
LOAD(dmalab_i64_load, long, long)
LOAD(dmalab_f32_load, float, float)
LOAD(dmalab_f64_load, double, double)
LOAD(dmalab_i32_load8_s, int, signed char)
LOAD(dmalab_i32_load8_u, int, unsigned char)
LOAD(dmalab_i32_load16_s, int, short)
LOAD(dmalab_i32_load16_u, int, unsigned short)
LOAD(dmalab_i64_load8_s, long, signed char)
LOAD(dmalab_i64_load8_u, long, unsigned char)
LOAD(dmalab_i64_load16_s, long, short)
LOAD(dmalab_i64_load16_u, long, unsigned short)
LOAD(dmalab_i64_load32_s, long, int)
LOAD(dmalab_i64_load32_u, long, unsigned int)
STORE(dmalab_i32_store, int, int)
STORE(dmalab_i64_store, long, long)
STORE(dmalab_f32_store, float, float)
STORE(dmalab_f64_store, double, double)
STORE(dmalab_i32_store8, int, char)
STORE(dmalab_i32_store16, int, short)
STORE(dmalab_i64_store8, long, char)
STORE(dmalab_i64_store16, long, short)
STORE(dmalab_i64_store32, long, int)

CHECK(dmalab_memory_copy) void dmalab_memory_copy(word to, word from, word bytes)
{
	check_span(from, bytes, 0);
	check_span(to, bytes, 1);
	burn((int)(bytes / BLOCK_BYTES));
	__builtin_memcpy((void *)to, (void *)from, bytes);
}

CHECK(dmalab_memory_fill) void dmalab_memory_fill(word to, int byte, word bytes)
{
	check_span(to, bytes, 1);
	burn((int)(bytes / BLOCK_BYTES));
	__builtin_memset((void *)to, byte, bytes);
}

/* Code begins that has no branch in it. */
CHECK(dmalab_block) void dmalab_block(unsigned block)
{
	burn(1);
	if (__builtin_expect(BLOCKS[block] != 0, 0)) {
		BLOCKS[block] = 0;
		dmalab_passed((int)block);
	}
}

/* Operands of an instruction at a place in the code, while the search for a device's answers wants them. */
CHECK(dmalab_note) void dmalab_note(word one, word other, int at)
{
	struct note *note;

	if (__builtin_expect(NOTES_LEFT == 0, 1))
		return;
	note = &NOTES[--NOTES_LEFT];
	note->one = one;
	note->other = other;
	note->at = (word)at;
}

/* A file of a tree calls a function next: where in the code. */
CHECK(dmalab_calls) void dmalab_calls(int at)
{
	CALL = at;
}

/* Other code calls by a pointer, which may lead back into the file. Afterwards the file's own call still runs. */
CHECK(dmalab_saves_call) void dmalab_saves_call(void)
{
	if (CALL_DEPTH < DMALAB_MAX_CALLS)
		CALLS[CALL_DEPTH] = CALL;
	CALL_DEPTH++;
}

/* It has returned. Of deeper ones only the stack says where they are. */
CHECK(dmalab_restores_call) void dmalab_restores_call(void)
{
	CALL_DEPTH--;
	CALL = CALL_DEPTH < DMALAB_MAX_CALLS ? CALLS[CALL_DEPTH] : 0;
}

__asm__(".globaltype __stack_pointer, i64");

/* A function takes a frame, or returns it. */
CHECK(dmalab_move_stack) void dmalab_move_stack(word to)
{
	if (__builtin_expect(to - DMALAB_STACK_END > DMALAB_STACK_TOP - DMALAB_STACK_END, 0))
		dmalab_deep();
	__asm__ volatile("local.get %0\n\tglobal.set __stack_pointer" : : "r"(to));
}

/* Static variables have room behind them that must not be touched. */
HOOK void __asan_register_globals(word table, word count)
{
	dmalab_globals((double)table, (double)count);
}

HOOK void __asan_unregister_globals(word table, word count)
{
	(void)table;
	(void)count;
}

HOOK void __asan_before_dynamic_init(word module)
{
	(void)module;
}

HOOK void __asan_after_dynamic_init(void)
{
}

HOOK int __cxa_atexit(void (*run)(void *), void *with, void *handle)
{
	(void)run;
	(void)with;
	(void)handle;
	return 0;
}

HOOK void __asan_handle_no_return(void)
{
}

/* A run that is followed line by line calls it where lines begin. */
__attribute__((export_name("dmalab_reached"))) RAW void dmalab_reached(int line)
{
	dmalab_line(line, (double)(word)__builtin_frame_address(0));
}

HOOK void __stack_chk_fail(void)
{
	dmalab_smashed();
}

HOOK void *memcpy(void *to, const void *from, word bytes)
{
	__builtin_memcpy(to, from, bytes);
	return to;
}

HOOK void *memmove(void *to, const void *from, word bytes)
{
	__builtin_memmove(to, from, bytes);
	return to;
}

HOOK void *memset(void *to, int byte, word bytes)
{
	__builtin_memset(to, byte, bytes);
	return to;
}

HOOK int memcmp(const void *one, const void *other, word bytes)
{
	const unsigned char *a = one, *b = other;
	word at;
	for (at = 0; at < bytes; at++)
		if (a[at] != b[at])
			return a[at] - b[at];
	return 0;
}

HOOK word strlen(const char *text)
{
	word length = 0;
	for (;; length++) {
		if (!text[length])
			return length;
	}
}

HOOK int strcmp(const char *one, const char *other)
{
	for (;; one++, other++) {
		if (*one != *other || !*one)
			return (unsigned char)*one - (unsigned char)*other;
	}
}
