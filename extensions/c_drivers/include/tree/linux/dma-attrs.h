/* 4.8 took it away: attributes are numbers. */
#include <linux/dma-mapping.h>
