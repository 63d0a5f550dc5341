#define IRQ_AFTER_RING
#define READS_RING_IN_HANDLER
#include "ring.c"
