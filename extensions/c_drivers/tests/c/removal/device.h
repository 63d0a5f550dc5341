/* The device of these drivers: while it is switched on it writes eight bytes to the address in its first register, and while
 * interrupts are not masked it raises one. */
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#define DEVICE_ADDR 0x00
#define DEVICE_ENABLE 0x08
#define DEVICE_IRQ_MASK 0x0c
#define DEVICE_BYTES 8

static inline void device_start(void __iomem *regs, dma_addr_t dma)
{
	writel((u32)dma, regs + DEVICE_ADDR);
	writel(0, regs + DEVICE_IRQ_MASK);
	writel(1, regs + DEVICE_ENABLE);
}

static inline void device_stop(void __iomem *regs)
{
	writel(0, regs + DEVICE_ENABLE);
	writel(1, regs + DEVICE_IRQ_MASK);
	readl(regs + DEVICE_ENABLE);
}
