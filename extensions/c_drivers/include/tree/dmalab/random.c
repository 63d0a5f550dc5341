/* Random numbers of the kernel: the same ones in each run. */
#include <linux/random.h>
#include <linux/export.h>

/* Xorshift of 64 bits. */
static u64 next(void)
{
	static u64 state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

void get_random_bytes(void *to, size_t bytes)
{
	size_t at;

	for (at = 0; at < bytes; at++)
		((u8 *)to)[at] = next() >> 56;
}
EXPORT_SYMBOL(get_random_bytes);

u8 get_random_u8(void)
{
	return next() >> 56;
}
EXPORT_SYMBOL(get_random_u8);

u16 get_random_u16(void)
{
	return next() >> 48;
}
EXPORT_SYMBOL(get_random_u16);

u32 get_random_u32(void)
{
	return next() >> 32;
}
EXPORT_SYMBOL(get_random_u32);

u64 get_random_u64(void)
{
	return next();
}
EXPORT_SYMBOL(get_random_u64);

u32 __get_random_u32_below(u32 end)
{
	return (next() >> 32) * end >> 32;
}
EXPORT_SYMBOL(__get_random_u32_below);
