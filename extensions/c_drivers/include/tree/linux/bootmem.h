/* 4.20 moved it. */
#include <linux/memblock.h>
