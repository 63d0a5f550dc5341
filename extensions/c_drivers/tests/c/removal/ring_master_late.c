#define MASTER_TOO_LATE
#include "ring.c"
