#define WORK_BEFORE_IRQ
#include "ring.c"
