/* 5.18 took it away. */
#include <linux/dma-mapping.h>
