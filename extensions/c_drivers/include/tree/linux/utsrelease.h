/* 2.6.33 moved it. */
#include <generated/utsrelease.h>
