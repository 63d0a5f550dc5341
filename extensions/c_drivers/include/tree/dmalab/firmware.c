/* Firmware of devices: what the device's block gives. A file of the scenario's that defines request_firmware() gives it, too. */
#include <linux/device.h>
#include <linux/firmware.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <dmalab/lab.h>

int __weak request_firmware(const struct firmware **firmware, const char *name, struct device *dev)
{
	unsigned int length = 0;
	struct firmware *found = dev ? lab_firmware(dev, sizeof(*found), &length) : NULL;

	*firmware = found;
	if (found) {
		found->size = length;
		found->data = (const u8 *)(found + 1);
		return 0;
	}
	dev_err(dev, "there is no firmware \"%s\": give it in the device's block, `properties = \"firmware = <4096>\"`, or define request_firmware() in a file of `files`\n", name);
	return -ENOENT;
}
EXPORT_SYMBOL(request_firmware);

/* What a file of the scenario's gives is its own. */
void __weak release_firmware(const struct firmware *firmware)
{
}
EXPORT_SYMBOL(release_firmware);

int firmware_request_nowarn(const struct firmware **firmware, const char *name, struct device *dev)
{
	return request_firmware(firmware, name, dev);
}
EXPORT_SYMBOL(firmware_request_nowarn);

int request_firmware_direct(const struct firmware **firmware, const char *name, struct device *dev)
{
	return request_firmware(firmware, name, dev);
}
EXPORT_SYMBOL(request_firmware_direct);

struct later {
	const char *name;
	struct device *dev;
	void *context;
	void (*then)(const struct firmware *firmware, void *context);
};

static void run_later(struct later *later)
{
	const struct firmware *firmware;
	struct later it = *later;

	kfree(later);
	request_firmware(&firmware, it.name, it.dev);
	it.then(firmware, it.context);
}

int request_firmware_nowait(struct module *module, bool uevent, const char *name,
			    struct device *dev, gfp_t gfp, void *context,
			    void (*then)(const struct firmware *firmware, void *context))
{
	struct later *later = kzalloc(sizeof(*later), gfp);

	if (!later)
		return -ENOMEM;
	*later = (struct later) { name, dev, context, then };
	lab_defer(later, run_later);
	return 0;
}
EXPORT_SYMBOL(request_firmware_nowait);

int firmware_request_nowait_nowarn(struct module *module, const char *name, struct device *dev,
				   gfp_t gfp, void *context,
				   void (*then)(const struct firmware *firmware, void *context))
{
	return request_firmware_nowait(module, false, name, dev, gfp, context, then);
}
EXPORT_SYMBOL(firmware_request_nowait_nowarn);
