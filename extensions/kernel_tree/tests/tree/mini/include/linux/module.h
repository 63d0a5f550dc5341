#ifndef MINI_MODULE_H
#define MINI_MODULE_H
#include <linux/export.h>
#define module_init(function) int init_module(void) __attribute__((alias(#function)));
#define module_exit(function) void cleanup_module(void) __attribute__((alias(#function)));
#endif
