#ifndef MINI_COMPILER_TYPES_H
#define MINI_COMPILER_TYPES_H
#define __iomem
#define __must_check __attribute__((warn_unused_result))
#define NULL ((void *)0)
#endif
