/* Clocks of the kernel: all are the machine's. To read one takes time, so that who waits for it by reading ends. */
#include <linux/timekeeping.h>
#include <linux/export.h>
#include <dmalab/lab.h>

#define READ_NS 1000

ktime_t ktime_get(void)
{
	lab_spin(READ_NS);
	return lab_now();
}
EXPORT_SYMBOL(ktime_get);

ktime_t ktime_get_raw(void)
{
	return ktime_get();
}
EXPORT_SYMBOL(ktime_get_raw);

ktime_t ktime_get_with_offset(enum tk_offsets offset)
{
	return ktime_get();
}
EXPORT_SYMBOL(ktime_get_with_offset);

ktime_t ktime_get_coarse_with_offset(enum tk_offsets offset)
{
	return ktime_get();
}
EXPORT_SYMBOL(ktime_get_coarse_with_offset);

u64 ktime_get_mono_fast_ns(void)
{
	return ktime_get();
}
EXPORT_SYMBOL(ktime_get_mono_fast_ns);

time64_t ktime_get_seconds(void)
{
	return ktime_get() / NSEC_PER_SEC;
}
EXPORT_SYMBOL(ktime_get_seconds);

time64_t ktime_get_real_seconds(void)
{
	return ktime_get_seconds();
}
EXPORT_SYMBOL(ktime_get_real_seconds);

static void split(struct timespec64 *time)
{
	u64 ns = ktime_get();

	time->tv_sec = ns / NSEC_PER_SEC;
	time->tv_nsec = ns % NSEC_PER_SEC;
}

void ktime_get_ts64(struct timespec64 *time)
{
	split(time);
}
EXPORT_SYMBOL(ktime_get_ts64);

void ktime_get_raw_ts64(struct timespec64 *time)
{
	split(time);
}
EXPORT_SYMBOL(ktime_get_raw_ts64);

void ktime_get_real_ts64(struct timespec64 *time)
{
	split(time);
}
EXPORT_SYMBOL(ktime_get_real_ts64);
