/* 4.2 moved it. */
#include <asm/fpu/api.h>
