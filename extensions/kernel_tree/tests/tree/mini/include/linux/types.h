#ifndef MINI_TYPES_H
#define MINI_TYPES_H
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64, phys_addr_t, dma_addr_t, size_t, resource_size_t;
typedef unsigned int gfp_t;
typedef _Bool bool;
#define false 0
#define true 1
#define EBUSY 16
#define ENOENT 2
#define ENOMEM 12
#define ENODEV 19
#define EINVAL 22
#define ENOSPC 28
#define DMA_BIT_MASK(bits) ((1ul << (bits)) - 1)
#define IS_ERR(at) ((unsigned long)(at) > -4096ul)
#define PTR_ERR(at) ((long)(at))
void *memset(void *at, int byte, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
#endif
