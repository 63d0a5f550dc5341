/* Pages of 4 KiB; physical addresses are the lab's, so that both ways are imports. */
#ifndef DMALAB_TREE_PAGE_H
#define DMALAB_TREE_PAGE_H

#if __has_include(<vdso/page.h>)
#include <vdso/page.h>
#else
#include <linux/const.h>
#define PAGE_SHIFT CONFIG_PAGE_SHIFT
#define PAGE_SIZE (_AC(1, UL) << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#endif

#ifndef __ASSEMBLY__
#define DMALAB_TABLE_ENTRY(level) \
	typedef struct {          \
		unsigned long level; \
	} level##_t;
DMALAB_TABLE_ENTRY(pte)
DMALAB_TABLE_ENTRY(pmd)
DMALAB_TABLE_ENTRY(pud)
DMALAB_TABLE_ENTRY(pgd)
DMALAB_TABLE_ENTRY(pgprot)
typedef struct page *pgtable_t;
#define pte_val(x) ((x).pte)
#define pmd_val(x) ((x).pmd)
#define pud_val(x) ((x).pud)
#define pgd_val(x) ((x).pgd)
#define pgprot_val(x) ((x).pgprot)
#define __pte(x) ((pte_t){ (x) })
#define __pmd(x) ((pmd_t){ (x) })
#define __pud(x) ((pud_t){ (x) })
#define __pgd(x) ((pgd_t){ (x) })
#define __pgprot(x) ((pgprot_t){ (x) })

void clear_page(void *page);
void copy_page(void *to, void *from);
#define clear_user_page(page, vaddr, struct_page) clear_page(page)
#define copy_user_page(to, from, vaddr, struct_page) copy_page(to, from)

unsigned long lab_virt_to_phys(const volatile void *at);
void *lab_phys_to_virt(unsigned long phys);
#define PAGE_OFFSET 0UL
#define __pa(x) lab_virt_to_phys((void *)(x))
#define __va(x) lab_phys_to_virt((unsigned long)(x))
#define __pa_symbol(x) __pa(x)
#define virt_to_pfn(x) (__pa(x) >> PAGE_SHIFT)
#define virt_to_page(x) pfn_to_page(__pa(x) >> PAGE_SHIFT)
#define page_to_virt(page) __va(page_to_pfn(page) << PAGE_SHIFT)
#define virt_addr_valid(x) 1
#define pfn_to_kaddr(pfn) __va((unsigned long)(pfn) << PAGE_SHIFT)
#define VM_DATA_DEFAULT_FLAGS 0
#endif

#include <asm-generic/memory_model.h>
#include <asm-generic/getorder.h>
/* The lab's map of pages, of which addresses alone count. */
#undef __pfn_to_page
#undef __page_to_pfn
#define __pfn_to_page(pfn) ((struct page *)DMALAB_PAGE_MAP + (pfn))
#define __page_to_pfn(of) ((unsigned long)((of) - (struct page *)DMALAB_PAGE_MAP))

#endif
