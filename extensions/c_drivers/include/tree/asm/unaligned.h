/* 6.12 moved it. */
#include <linux/unaligned.h>
