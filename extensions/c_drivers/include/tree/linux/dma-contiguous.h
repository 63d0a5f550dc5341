/* 5.10 moved it. */
#include <linux/dma-map-ops.h>
