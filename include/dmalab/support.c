/* Compiled with every driver: looks at each load and store before it happens, and counts the turns. */
#define PLAIN no_sanitize("kernel-address", "coverage"), no_stack_protector
#define RAW __attribute__((PLAIN))
#define HOOK __attribute__((PLAIN, visibility("hidden"), used))
#define IMPORT(name) extern __attribute__((import_module("dmalab"), import_name(#name)))

typedef unsigned long word;

IMPORT(touch) void dmalab_touch(double at, double bytes, int writes);
IMPORT(burnt) int dmalab_burnt(void);
IMPORT(guards) void dmalab_guards(double first, double end);
IMPORT(passed) void dmalab_passed(double guard);
IMPORT(deep) void dmalab_deep(void);
IMPORT(smashed) void dmalab_smashed(void);
IMPORT(line) void dmalab_line(int line, double stack_at);
IMPORT(globals) void dmalab_globals(double table, double count);
extern void __wasm_call_ctors(void);

/* One byte for eight: 0 where all of them may be used, 1 to 7 where the first ones may, else a mark.
 * It is kept with its top bit turned round, so that untouched memory means what was never given out. */
#define TURNED 0x80
static unsigned char *shadow;
static word limit;
static int fuel;
static word stack_end;
/* Each function keeps it behind its arrays, so that each has a frame, and looks at it when it returns. */
word __stack_chk_guard = 0x5ca1ab1e0ddba11;

__attribute__((export_name("dmalab_start"))) RAW void dmalab_start(word shadow_at, word limit_at,
								   word stack_end_at, int turns)
{
	shadow = (unsigned char *)shadow_at;
	limit = limit_at;
	stack_end = stack_end_at;
	fuel = turns;
	__wasm_call_ctors();
}

RAW static inline __attribute__((always_inline)) int is_open(word at, word bytes)
{
	word last = at + bytes - 1;
	signed char mark;
	if (last >= limit || last < at)
		return 0;
	mark = (signed char)(shadow[last >> 3] ^ TURNED);
	if (__builtin_expect(mark != 0, 0) && (mark < 0 || mark > 7 || (int)(last & 7) >= mark))
		return 0;
	return last >> 3 == at >> 3 || shadow[at >> 3] == TURNED;
}

RAW static __attribute__((noinline)) int span_is_open(word at, word bytes)
{
	word granule, last = at + bytes - 1;
	if (bytes == 0)
		return 1;
	if (last >= limit || last < at)
		return 0;
	for (granule = at >> 3; granule < last >> 3; granule++)
		if (shadow[granule] != TURNED)
			return 0;
	return is_open(last, 1);
}

#define ACCESS(size)                                              \
	HOOK void __asan_load##size(word at)                      \
	{                                                         \
		if (__builtin_expect(!is_open(at, size), 0))      \
			dmalab_touch((double)at, size, 0);        \
	}                                                         \
	HOOK void __asan_store##size(word at)                     \
	{                                                         \
		if (__builtin_expect(!is_open(at, size), 0))      \
			dmalab_touch((double)at, size, 1);        \
	}
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

HOOK void __asan_loadN(word at, word bytes)
{
	if (!span_is_open(at, bytes))
		dmalab_touch((double)at, (double)bytes, 0);
}

HOOK void __asan_storeN(word at, word bytes)
{
	if (!span_is_open(at, bytes))
		dmalab_touch((double)at, (double)bytes, 1);
}

/* A static variable, with room behind it that nobody may touch. */
struct global {
	word at, bytes, room, name, module, has_init, place, odr;
};

#define BEHIND 0x82

HOOK void __asan_register_globals(word table, word count)
{
	const struct global *globals = (const struct global *)table;
	word index, at;

	for (index = 0; index < count; index++) {
		word end = globals[index].at + globals[index].bytes;

		if (end & 7)
			shadow[end >> 3] = (end & 7) ^ TURNED;
		for (at = (end + 7) & ~(word)7; at < globals[index].at + globals[index].room; at += 8)
			shadow[at >> 3] = BEHIND ^ TURNED;
	}
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

/* A word for each place that turns are counted at: not zero until somebody has come by. */
HOOK void __sanitizer_cov_trace_pc_guard_init(unsigned *first, unsigned *end)
{
	dmalab_guards((double)(word)first, (double)(word)end);
}

HOOK void __sanitizer_cov_trace_pc_guard(unsigned *guard)
{
	if (__builtin_expect(*guard != 0, 0)) {
		*guard = 0;
		dmalab_passed((double)(word)guard);
	}
	if (__builtin_expect((long)__builtin_frame_address(0) < (long)stack_end, 0))
		dmalab_deep();
	if (__builtin_expect(--fuel < 0, 0))
		fuel = dmalab_burnt();
}

/* Who follows a run has calls of it put into the compiled code, where lines begin. */
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
	__asan_loadN((word)from, bytes);
	__asan_storeN((word)to, bytes);
	__builtin_memcpy(to, from, bytes);
	return to;
}

HOOK void *memmove(void *to, const void *from, word bytes)
{
	__asan_loadN((word)from, bytes);
	__asan_storeN((word)to, bytes);
	__builtin_memmove(to, from, bytes);
	return to;
}

HOOK void *memset(void *to, int byte, word bytes)
{
	__asan_storeN((word)to, bytes);
	__builtin_memset(to, byte, bytes);
	return to;
}

HOOK int memcmp(const void *one, const void *other, word bytes)
{
	const unsigned char *a = one, *b = other;
	word at;
	__asan_loadN((word)one, bytes);
	__asan_loadN((word)other, bytes);
	for (at = 0; at < bytes; at++)
		if (a[at] != b[at])
			return a[at] - b[at];
	return 0;
}

HOOK word strlen(const char *text)
{
	word length = 0;
	for (;; length++) {
		__asan_load1((word)text + length);
		if (!text[length])
			return length;
	}
}

HOOK int strcmp(const char *one, const char *other)
{
	for (;; one++, other++) {
		__asan_load1((word)one);
		__asan_load1((word)other);
		if (*one != *other || !*one)
			return (unsigned char)*one - (unsigned char)*other;
	}
}
