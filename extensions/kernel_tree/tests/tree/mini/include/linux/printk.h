#pragma once
int _printk(const char *format, ...);
#define pr_err(...) _printk("\0013" __VA_ARGS__)
#define pr_info(...) _printk("\0016" __VA_ARGS__)
