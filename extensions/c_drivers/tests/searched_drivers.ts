/** Small drivers whose `probe()` wants something of its device, for the search of answers. */

/** A driver: what its device has to do, and the code of its `probe()` after the BAR is mapped. */
export interface SearchedDriver {
  readonly wants: string;
  /** Functions before `look()`. */
  readonly before?: string;
  /** Statements of `remove()`. */
  readonly leave?: string;
  /** The body of `look()`: returns 0, or a negative errno that `probe()` returns. */
  readonly look: string;
}

const rows: readonly (readonly [wants: string, look: string, before?: string])[] = [
  ["a magic word", "return readl(regs) == 0xcafe1234 ? 0 : -ENODEV;"],
  ["bits of a mask", "return (readl(regs + 4) & 0x00ff00f0) == 0x00410050 ? 0 : -ENODEV;"],
  [
    "a shifted field",
    `volatile int by = 19;

	return readl(regs + 8) >> by == 0x5a1 ? 0 : -ENODEV;`,
  ],
  ["an inverted word", "return ~readl(regs + 0x10) == 0x12345678 ? 0 : -ENODEV;"],
  [
    "a ready bit that rises",
    `int left;

	for (left = 1000; left > 0; left--) {
		if (readl(regs + 0x14) & 0x40)
			return 0;
		udelay(10);
	}
	return -ETIMEDOUT;`,
  ],
  [
    "a reset bit that clears itself",
    `int left;

	writel(0x80000001, regs + 0x18);
	for (left = 1000; left > 0; left--) {
		if (!(readl(regs + 0x18) & 1))
			return readl(regs + 0x18) & 0x80000000 ? 0 : -EIO;
		udelay(10);
	}
	return -ETIMEDOUT;`,
  ],
  [
    "a bit that is set, and later clear",
    `u32 value;

	if (!(readl(regs + 0x1c) & 2))
		return -ENODEV;
	writel(7, regs + 0x20);
	return readl_poll_timeout(regs + 0x1c, value, !(value & 2), 10, 10000);`,
  ],
  [
    "bytes and halves",
    "return readb(regs + 0x21) == 0x7e && readw(regs + 0x26) == 0xbeef ? 0 : -ENODEV;",
  ],
  [
    "a known revision",
    `switch (readl(regs + 0x28) & 0xff) {
	case 0x21:
		return -EOPNOTSUPP;
	case 0x35:
	case 0x7c:
		return readl(regs + 0x2c) == 0x99 ? 0 : -EIO;
	default:
		return -ENODEV;
	}`,
  ],
  [
    "a number of queues in a range",
    `u32 queues = readl(regs + 0x30) >> 8 & 0x3ff;

	if (queues < 5 || queues > 96)
		return -EINVAL;
	return queues & (queues - 1) ? -EINVAL : 0;`,
  ],
  [
    "a word in the other byte order",
    "return __builtin_bswap32(readl(regs + 0x34)) == 0x4d414749 ? 0 : -ENODEV;",
  ],
  [
    "two registers that together are a word",
    "return ((readl(regs + 0x38) ^ 0x5555) << 16 | (readl(regs + 0x3c) & 0xffff)) == 0x12349876 ? 0 : -ENODEV;",
  ],
  [
    "a table behind an index register, with its checksum",
    `u16 sum = 0, word = 0;
	int at;

	for (at = 0; at < 16; at++) {
		word = eeprom(regs, at);
		if (at == 3 && word != 0x8086)
			return -ENODEV;
		sum += word;
	}
	return sum == 0xbaba ? 0 : -EIO;`,
    `static u16 eeprom(void __iomem *regs, int at)
{
	int left;

	writel(at << 2 | 1, regs + 0x40);
	for (left = 100; left > 0; left--) {
		u32 value = readl(regs + 0x40);

		if (value & 2)
			return value >> 16;
		udelay(5);
	}
	return 0xffff;
}
`,
  ],
  [
    "words behind an index register",
    `writel(0x10, regs + 0x44);
	if (readl(regs + 0x48) != 0x1111)
		return -ENODEV;
	writel(0x11, regs + 0x44);
	if (readl(regs + 0x48) != 0x2222)
		return -EIO;
	writel(0x12, regs + 0x44);
	return readl(regs + 0x48) == 0x3333 ? 0 : -ENXIO;`,
  ],
  [
    "a value that is kept and tested later",
    `static struct { u32 id, features, other[8]; } card;
	int at;

	card.id = readl(regs + 0x4c);
	card.features = readl(regs + 0x50);
	for (at = 0; at < 8; at++)
		card.other[at] = readl(regs + 0x54 + 4 * at);
	return kind_of(card.id) == 3 && card.features & 0x1000 ? 0 : -ENODEV;`,
    `static int kind_of(u32 id)
{
	if (id == 0xa001)
		return 1;
	return id == 0xa077 ? 3 : 0;
}
`,
  ],
  [
    "an answer to a command",
    `u32 value;

	writel(0x5a5a0003, regs + 0x80);
	if (readl_poll_timeout(regs + 0x84, value, value == 0xacce5500, 10, 10000))
		return -ETIMEDOUT;
	writel(0x5a5a0004, regs + 0x80);
	return readl_poll_timeout(regs + 0x84, value, value == 0xacce5501, 10, 10000);`,
  ],
  [
    "a word of 64 bits",
    "return readq(regs + 0x88) == 0x1122334455667788ULL ? 0 : -ENODEV;",
  ],
  [
    "capabilities in a chain of offsets",
    `u32 at = readl(regs + 0x90) >> 16, word, left = 48;

	for (; at && left; at = (word >> 8 & 0xff) << 2, left--) {
		word = readl(regs + at);
		if ((word & 0xff) == 0xc2)
			return word >> 24 == 9 ? 0 : -EIO;
	}
	return -ENODEV;`,
  ],
  [
    "a counter that counts",
    `u32 first = readl(regs + 0x98), at;

	for (at = 0; at < 50; at++) {
		if (readl(regs + 0x98) != first)
			return 0;
		udelay(1);
	}
	return -EIO;`,
  ],
  [
    "a done bit in coherent memory",
    `dma_addr_t dma;
	u32 *status = dma_alloc_coherent(&pdev->dev, 4096, &dma, GFP_KERNEL);
	int left, err = -ETIMEDOUT;

	if (!status)
		return -ENOMEM;
	writel((u32)dma, regs + 0x100);
	writel((u32)(dma >> 32), regs + 0x104);
	writel(1, regs + 0x108);
	for (left = 200; left > 0; left--) {
		if (READ_ONCE(status[3]) >> 8 == 0x5d) {
			err = 0;
			break;
		}
		udelay(10);
	}
	writel(0, regs + 0x10c);
	dma_free_coherent(&pdev->dev, 4096, status, dma);
	return err;`,
  ],
  [
    "an interrupt after a command, with its reason",
    `int err = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);

	if (err < 0)
		return err;
	init_completion(&commanded);
	handled = regs;
	err = request_irq(pci_irq_vector(pdev, 0), handles, 0, "card", regs);
	if (err)
		goto vectors;
	writel(0x77, regs + 0x110);
	if (!wait_for_completion_timeout(&commanded, msecs_to_jiffies(100)))
		err = -ETIMEDOUT;
	free_irq(pci_irq_vector(pdev, 0), regs);
vectors:
	pci_free_irq_vectors(pdev);
	return err;`,
    `static struct completion commanded;
static void __iomem *handled;

static irqreturn_t handles(int irq, void *data)
{
	if ((readl(handled + 0x114) & 0xff00) != 0x4200)
		return IRQ_NONE;
	complete(&commanded);
	return IRQ_HANDLED;
}
`,
  ],
  [
    "a flash behind an address and a command, which is read twice",
    `u32 sum = 0;
	int at;

	if (flash(regs, 0) != 0x4b43 || flash(regs, 3) != 0x0102)
		return -ENODEV;
	for (at = 0; at < 8; at++)
		sum += flash(regs, at);
	if ((sum & 0xffff) != 0x5a5a)
		return -EIO;
	return flash(regs, 3) == 0x0102 && flash(regs, 0) == 0x4b43 ? 0 : -EINVAL;`,
    `static u32 flash(void __iomem *regs, int at)
{
	int left;

	writel(at * 4, regs + 0x300);
	writel(2, regs + 0x304);
	writel(0xb, regs + 0x308);
	for (left = 100; left > 0; left--) {
		if (readl(regs + 0x30c) & 1)
			return readl(regs + 0x310) & 0xffff;
		udelay(5);
	}
	return 0;
}
`,
  ],
  [
    "an address of a card, which is read before registers that decide nothing",
    `u32 low = readl(regs + 0x200), high = readl(regs + 0x204);
	int at;

	for (at = 0; at < 6; at++)
		address[at] = (at < 4 ? low : high) >> 8 * (at & 3);
	LOOK4(0) LOOK4(4) LOOK4(8) LOOK4(12) LOOK4(16) LOOK4(20)
	return is_valid() ? 0 : -EINVAL;`,
    `static volatile u8 address[6];
static volatile u32 seen;

#define LOOK(n) if ((readl(regs + 0x210 + 4 * (n)) ^ 0x5a00) == 0x77770000 + (n)) seen |= 1 << (n);
#define LOOK4(n) LOOK(n) LOOK(n + 1) LOOK(n + 2) LOOK(n + 3)

static bool is_valid(void)
{
	u8 all = 0;
	int at;

	for (at = 0; at < 6; at++)
		all |= address[at];
	return all && !(address[0] & 1);
}
`,
  ],
  [
    "registers of three BARs",
    `void __iomem *doors = pci_iomap(pdev, 2, 0), *more = pci_iomap(pdev, 4, 0);
	int err = -ENODEV;

	if (!doors || !more)
		goto unmap;
	writel(0x80, doors + 8);
	if (readl(regs + 4) == 0x1357 && (readl(more + 4) & 0xff) == 0x42 &&
	    !(readl(doors + 8) & 0x80) && readl(more + 4) >> 16 == 0x7531)
		err = 0;
unmap:
	if (more)
		pci_iounmap(pdev, more);
	if (doors)
		pci_iounmap(pdev, doors);
	return err;`,
  ],
  [
    "a completion in mapped memory, read after it is unmapped",
    `u32 *words = kzalloc(64, GFP_KERNEL);
	int err = -EIO;
	dma_addr_t dma;

	if (!words)
		return -ENOMEM;
	dma = dma_map_single(&pdev->dev, words, 64, DMA_FROM_DEVICE);
	if (dma_mapping_error(&pdev->dev, dma)) {
		kfree(words);
		return -ENOMEM;
	}
	writel(dma >> 32, regs + 0x134);
	writel(dma, regs + 0x130);
	writel(1, regs + 0x138);
	udelay(50);
	dma_unmap_single(&pdev->dev, dma, 64, DMA_FROM_DEVICE);
	if (words[3] == 0x0c0ffee0 && words[4] >> 24 == 0x5a)
		err = 0;
	kfree(words);
	return err;`,
  ],
  [
    "a done bit in mapped memory, which is synced at each poll",
    `u32 *done = kzalloc(4, GFP_KERNEL);
	int left, err = -ETIMEDOUT;
	dma_addr_t dma;

	if (!done)
		return -ENOMEM;
	dma = dma_map_single(&pdev->dev, done, 4, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(&pdev->dev, dma)) {
		kfree(done);
		return -ENOMEM;
	}
	writel(dma, regs + 0x140);
	for (left = 20; err && left > 0; left--) {
		udelay(10);
		dma_sync_single_for_cpu(&pdev->dev, dma, 4, DMA_BIDIRECTIONAL);
		if (*done & 0x100)
			err = 0;
		dma_sync_single_for_device(&pdev->dev, dma, 4, DMA_BIDIRECTIONAL);
	}
	dma_unmap_single(&pdev->dev, dma, 4, DMA_BIDIRECTIONAL);
	kfree(done);
	return err;`,
  ],
  [
    "bits that a table knows, and then a word",
    `u32 chip;

	if (!known[readl(regs + 0x150) >> 9 & 15])
		return -ENODEV;
	chip = readl(regs + 0x154);
	return chip == 0x10de2bad ? 0 : -EIO;`,
    `static const volatile u8 known[16] = { [5] = 1, [6] = 1, [11] = 1, [13] = 1, [14] = 1 };
`,
  ],
  [
    "negative numbers of a byte and of a half in coherent memory",
    `dma_addr_t dma;
	volatile s16 *status = dma_alloc_coherent(&pdev->dev, 64, &dma, GFP_KERNEL);
	int err = -ENODEV;

	if (!status)
		return -ENOMEM;
	writel(dma, regs + 0x160);
	writel(1, regs + 0x164);
	if (status[2] < -0x1000 && status[2] > -0x1010 && ((volatile s8 *)status)[9] < 0)
		err = 0;
	writel(0, regs + 0x164);
	dma_free_coherent(&pdev->dev, 64, (void *)status, dma);
	return err;`,
  ],
  [
    "two words that only together are right",
    `u32 wrong = readl(regs + 0xa0) ^ 0x1234;

	wrong |= readl(regs + 0xa4) ^ 0xabcd;
	return wrong ? -ENODEV : 0;`,
  ],
];

export const SEARCHED_DRIVERS: readonly SearchedDriver[] = [
  ...rows.map(([wants, look, before = ""]) => ({ wants, look, before })),
  {
    wants: "a stop that is confirmed in its removal",
    look: "return readl(regs + 0x118) == 0x600d ? 0 : -ENODEV;",
    leave: `void __iomem *regs = pci_get_drvdata(pdev);

	writel(0, regs + 0x11c);
	while (!(readl(regs + 0x120) & 0x8))
		cpu_relax();
`,
  },
];

/** The source of a driver. */
export function searchedSource({ before = "", leave = "", look }: SearchedDriver): string {
  return `#include <linux/delay.h>
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

${before}
static int look(struct pci_dev *pdev, void __iomem *regs)
{
	${look}
}

static int card_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	void __iomem *regs;
	int err = pci_enable_device(pdev);

	if (err)
		return err;
	regs = pci_iomap(pdev, 0, 0);
	if (!regs) {
		err = -ENOMEM;
		goto disable;
	}
	pci_set_master(pdev);
	err = look(pdev, regs);
	if (!err) {
		pci_set_drvdata(pdev, regs);
		return 0;
	}
	pci_iounmap(pdev, regs);
disable:
	pci_disable_device(pdev);
	return err;
}

static void card_remove(struct pci_dev *pdev)
{
	${leave}
	pci_iounmap(pdev, pci_get_drvdata(pdev));
	pci_disable_device(pdev);
}

static const struct pci_device_id card_ids[] = { { PCI_DEVICE(0x1234, 0x5678) }, { } };
static struct pci_driver card_driver = {
	.name = "card",
	.id_table = card_ids,
	.probe = card_probe,
	.remove = card_remove,
};
module_pci_driver(card_driver);
MODULE_LICENSE("GPL");
`;
}

/** The end of an init function that refuses to stay loaded without a bound device. */
const WANTS_BOUND = `int error = pci_register_driver(&card_driver);

	if (!error && !bound) {
		pci_unregister_driver(&card_driver);
		error = -19;
	}
	return error;`;

const WITH_TREE: readonly (readonly [wants: string, look: string, init?: string])[] = [
  [
    "a device that is bound before its init function ends, with a known version",
    `u32 word;

	pci_read_config_dword(pdev, 0x48, &word);
	return word >> 8 == 0x60d ? 0 : -22;`,
    WANTS_BOUND,
  ],
  [
    "capabilities in configuration space, an extended one too",
    `int at = pci_find_capability(pdev, 9);
	u32 word;

	if (!at || pdev->revision < 0x20)
		return -19;
	pci_read_config_dword(pdev, at + 4, &word);
	if (word >> 16 != 0x5ca1)
		return -5;
	at = pci_find_ext_capability(pdev, 0xb);
	if (!at)
		return -6;
	pci_read_config_dword(pdev, at + 4, &word);
	return (word & 0xfff) == 0x123 ? 0 : -22;`,
  ],
  [
    "a class of several that it knows",
    `switch (pdev->class) {
	case 0x040100:
		return -19;
	case 0x040380:
		return 0;
	default:
		return -22;
	}`,
  ],
  [
    "firmware with a magic word and a version",
    `const struct firmware *firmware;
	const u32 *words;
	int error = request_firmware(&firmware, "card.bin", &pdev->dev);

	if (error)
		return error;
	words = (const u32 *)firmware->data;
	if (firmware->size < 64 || words[0] != 0x7abcdef1)
		error = -22;
	else if ((words[3] & 0xff00) >> 8 != 7)
		error = -71;
	release_firmware(firmware);
	return error;`,
  ],
  [
    "firmware of a size that its first words give",
    `const struct firmware *firmware;
	const u32 *words;
	int error = request_firmware(&firmware, "card.bin", &pdev->dev);

	if (error)
		return error;
	words = (const u32 *)firmware->data;
	if (words[0] != 0x7abcdef1 || firmware->size != 37)
		error = -22;
	release_firmware(firmware);
	return error;`,
  ],
];

/** Drivers that need a kernel tree: what their devices have to be, and their sources. */
export const DRIVERS_WITH_TREE: readonly (readonly [wants: string, source: string])[] = WITH_TREE
  .map(([wants, look, init = "return pci_register_driver(&card_driver);"]) => [
    wants,
    `#include <linux/firmware.h>
#include <linux/module.h>
#include <linux/pci.h>

static int bound;

static int look(struct pci_dev *pdev)
{
	${look}
}

static int card_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int error = pci_enable_device(pdev);

	if (error)
		return error;
	error = look(pdev);
	if (error)
		pci_disable_device(pdev);
	else
		bound++;
	return error;
}

static void card_remove(struct pci_dev *pdev)
{
	bound--;
	pci_disable_device(pdev);
}

static const struct pci_device_id card_ids[] = { { 0x1234, 0x5678, PCI_ANY_ID, PCI_ANY_ID }, { 0 } };
static struct pci_driver card_driver = {
	.name = "card",
	.id_table = card_ids,
	.probe = card_probe,
	.remove = card_remove,
};

static int card_init(void)
{
	${init}
}

static void card_exit(void)
{
	pci_unregister_driver(&card_driver);
}

module_init(card_init);
module_exit(card_exit);
`,
  ]);
