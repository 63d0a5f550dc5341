#ifndef MINI_MM_TYPES_H
#define MINI_MM_TYPES_H
#include <linux/types.h>
struct page {
	unsigned long flags;
	unsigned long words[7];
};
#endif
