#define FREES_RING_FIRST
#include "ring.c"
