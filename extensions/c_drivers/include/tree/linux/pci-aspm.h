/* 5.4 moved it. */
#include <linux/pci.h>
