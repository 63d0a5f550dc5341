#ifndef MINI_FIRMWARE_H
#define MINI_FIRMWARE_H
#include <linux/device.h>
#include <linux/export.h>

struct firmware {
	size_t size;
	const u8 *data;
	void *priv;
};
#define __weak __attribute__((weak))
struct module;
int request_firmware(const struct firmware **firmware, const char *name, struct device *dev);
void release_firmware(const struct firmware *firmware);
#endif
