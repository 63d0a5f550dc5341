/* Major numbers of block devices: each one belongs to one driver at a time. */
#include <linux/blkdev.h>
#include <linux/major.h>

#define MOST_MAJORS 512

static bool taken[MOST_MAJORS];

int __register_blkdev(unsigned int major, const char *name, void (*probe)(dev_t number))
{
	unsigned int number = major;

	if (!major)
		for (number = BLOCK_EXT_MAJOR - 1; number && taken[number]; number--)
			;
	if (!number || number >= MOST_MAJORS)
		return -EINVAL;
	if (taken[number])
		return -EBUSY;
	taken[number] = true;
	return major ? 0 : number;
}
EXPORT_SYMBOL(__register_blkdev);

void unregister_blkdev(unsigned int major, const char *name)
{
	if (major < MOST_MAJORS)
		taken[major] = false;
}
EXPORT_SYMBOL(unregister_blkdev);
