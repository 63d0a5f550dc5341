/* A device of the auxiliary bus, from its first reference to its last one. */
#include <linux/auxiliary_bus.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

struct part {
	struct auxiliary_device aux;
	int number;
};

static int released;

static void part_release(struct device *dev)
{
	struct part *part = container_of(dev, struct part, aux.dev);

	released = part->number;
	kfree(part);
}

/* A part that is on the bus; NULL if there is no memory. */
static struct part *make(struct pci_dev *pdev, int number)
{
	struct part *part = kzalloc(sizeof(*part), GFP_KERNEL);

	if (!part)
		return NULL;
	part->number = number;
	part->aux.name = "part";
	part->aux.id = number;
	part->aux.dev.parent = &pdev->dev;
	part->aux.dev.release = part_release;
	if (auxiliary_device_init(&part->aux)) {
		kfree(part);
		return NULL;
	}
	if (auxiliary_device_add(&part->aux)) {
		auxiliary_device_uninit(&part->aux);
		return NULL;
	}
	return part;
}

int part_added(struct pci_dev *pdev)
{
	struct part *part = make(pdev, 7);
	int same;

	if (!part)
		return -ENOMEM;
	released = 0;
	same = !strcmp(dev_name(&part->aux.dev), KBUILD_MODNAME ".part.7");
	auxiliary_device_delete(&part->aux);
	same = same && !released;
	auxiliary_device_uninit(&part->aux);
	return same ? released : -EINVAL;
}

/* The last reference counts, whoever has it. */
int part_referenced(struct pci_dev *pdev)
{
	struct part *part = make(pdev, 8);
	struct device *dev;
	int before;

	if (!part)
		return -ENOMEM;
	released = 0;
	dev = get_device(&part->aux.dev);
	auxiliary_device_delete(&part->aux);
	auxiliary_device_uninit(&part->aux);
	before = released;
	put_device(dev);
	return before ? -EINVAL : released;
}

int part_without_name(struct pci_dev *pdev)
{
	struct part part = { .aux.dev.parent = &pdev->dev, .aux.dev.release = part_release };

	return auxiliary_device_init(&part.aux);
}

static void take_away(struct part *part)
{
	auxiliary_device_delete(&part->aux);
	auxiliary_device_uninit(&part->aux);
}

static int takes_all(struct device *dev, void *data)
{
	struct part **parts = data;

	for (int at = 0; at < 3; at++) {
		if (parts[at])
			take_away(parts[at]);
		parts[at] = NULL;
	}
	return 0;
}

/* The first call takes all three devices away. */
int parts_taken_at_once(struct pci_dev *pdev)
{
	struct part *parts[3];

	for (int at = 0; at < 3; at++) {
		parts[at] = make(pdev, at + 1);
		if (!parts[at]) {
			while (at-- > 0)
				take_away(parts[at]);
			return -ENOMEM;
		}
	}
	return device_for_each_child(&pdev->dev, parts, takes_all);
}

/* Wrong: the part was freed with its last reference. */
int part_read_after_end(struct pci_dev *pdev)
{
	struct part *part = make(pdev, 9);

	if (!part)
		return -ENOMEM;
	auxiliary_device_delete(&part->aux);
	auxiliary_device_uninit(&part->aux);
	return part->number;
}
