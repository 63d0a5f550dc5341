#define MASTER_INSTEAD_OF_STOP
#include "ring.c"
