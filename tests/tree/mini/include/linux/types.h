#ifndef MINI_TYPES_H
#define MINI_TYPES_H
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64, phys_addr_t, dma_addr_t, size_t;
typedef unsigned int gfp_t;
typedef _Bool bool;
#endif
