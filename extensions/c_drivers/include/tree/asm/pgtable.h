/*
 * Page tables of processes, of four levels: types and arithmetic that headers of the tree need. The
 * lab has no such tables: what reads one finds an empty entry.
 */
#ifndef DMALAB_TREE_PGTABLE_H
#define DMALAB_TREE_PGTABLE_H

#define PMD_SHIFT 21
#define PUD_SHIFT 30
#define P4D_SHIFT 39
#define PGDIR_SHIFT 39
#define PMD_SIZE (1UL << PMD_SHIFT)
#define PMD_MASK (~(PMD_SIZE - 1))
#define PUD_SIZE (1UL << PUD_SHIFT)
#define PUD_MASK (~(PUD_SIZE - 1))
#define PGDIR_SIZE (1UL << PGDIR_SHIFT)
#define PGDIR_MASK (~(PGDIR_SIZE - 1))
#define PTRS_PER_PTE 512
#define PTRS_PER_PMD 512
#define PTRS_PER_PUD 512
#define PTRS_PER_PGD 512
#define PFN_PTE_SHIFT PAGE_SHIFT
#include <asm-generic/pgtable-nop4d.h>

#define VMALLOC_START 0x1000
#define VMALLOC_END 0x100000000000
#define PAGE_NONE __pgprot(0)
#define PAGE_SHARED __pgprot(0)
#define PAGE_KERNEL __pgprot(0)
#define PAGE_KERNEL_RO __pgprot(0)
#define PAGE_KERNEL_EXEC __pgprot(0)
#define pgprot_noncached(prot) (prot)
#define pgprot_writecombine(prot) (prot)
struct mm_struct;
struct page;
struct vm_area_struct;

#define DMALAB_NO(name, type)               \
	static inline int name(type entry)  \
	{                                   \
		return 0;                   \
	}
DMALAB_NO(pte_none, pte_t)
DMALAB_NO(pte_present, pte_t)
DMALAB_NO(pte_write, pte_t)
DMALAB_NO(pte_dirty, pte_t)
DMALAB_NO(pte_young, pte_t)
DMALAB_NO(pte_swp_exclusive, pte_t)
DMALAB_NO(pmd_none, pmd_t)
DMALAB_NO(pmd_present, pmd_t)
DMALAB_NO(pmd_bad, pmd_t)
DMALAB_NO(pmd_leaf, pmd_t)
DMALAB_NO(pud_none, pud_t)
DMALAB_NO(pud_present, pud_t)
DMALAB_NO(pud_bad, pud_t)
DMALAB_NO(pud_leaf, pud_t)
DMALAB_NO(p4d_none, p4d_t)
DMALAB_NO(p4d_present, p4d_t)
DMALAB_NO(p4d_bad, p4d_t)
#define pmd_leaf pmd_leaf
#define pud_leaf pud_leaf

#define DMALAB_SAME(name)                      \
	static inline pte_t name(pte_t entry)  \
	{                                      \
		return entry;                  \
	}
DMALAB_SAME(pte_wrprotect)
DMALAB_SAME(pte_mkclean)
DMALAB_SAME(pte_mkdirty)
DMALAB_SAME(pte_mkold)
DMALAB_SAME(pte_mkyoung)
DMALAB_SAME(pte_mkwrite_novma)
DMALAB_SAME(pte_swp_mkexclusive)
DMALAB_SAME(pte_swp_clear_exclusive)
static inline pte_t pte_modify(pte_t entry, pgprot_t prot)
{
	return entry;
}

#define DMALAB_LEVEL(level)                                           \
	static inline unsigned long level##_pfn(level##_t entry)      \
	{                                                             \
		return level##_val(entry) >> PAGE_SHIFT;              \
	}                                                             \
	static inline void set_##level(level##_t *at, level##_t entry) \
	{                                                             \
		*at = entry;                                          \
	}
DMALAB_LEVEL(pte)
DMALAB_LEVEL(pmd)
DMALAB_LEVEL(pud)
#define pmd_pfn pmd_pfn
#define pud_pfn pud_pfn
#define pte_page(entry) pfn_to_page(pte_pfn(entry))
#define pmd_page(entry) pfn_to_page(pmd_pfn(entry))
#define pud_page(entry) pfn_to_page(pud_pfn(entry))
static inline pte_t pfn_pte(unsigned long pfn, pgprot_t prot)
{
	return __pte(pfn << PAGE_SHIFT);
}
static inline unsigned long pmd_page_vaddr(pmd_t entry)
{
	return 0;
}
static inline pmd_t *pud_pgtable(pud_t entry)
{
	return NULL;
}
static inline pud_t *p4d_pgtable(p4d_t entry)
{
	return NULL;
}
static inline void pte_clear(struct mm_struct *mm, unsigned long addr, pte_t *at)
{
	*at = __pte(0);
}
static inline void pmd_clear(pmd_t *at)
{
	*at = __pmd(0);
}
static inline void pud_clear(pud_t *at)
{
	*at = __pud(0);
}
static inline void p4d_clear(p4d_t *at)
{
}
static inline void set_ptes(struct mm_struct *mm, unsigned long addr, pte_t *at, pte_t entry,
			    unsigned int count)
{
}
#define set_ptes set_ptes
#define pte_ERROR(entry)
#define pmd_ERROR(entry)
#define pud_ERROR(entry)
#define pgd_ERROR(entry)
#define __swp_type(entry) 0
#define __swp_offset(entry) 0
#define __swp_entry(type, offset) ((swp_entry_t){ 0 })
#define __pte_to_swp_entry(entry) ((swp_entry_t){ pte_val(entry) })
#define __swp_entry_to_pte(entry) __pte((entry).val)
#define update_mmu_cache(...) do { } while (0)
#define update_mmu_cache_range(...) do { } while (0)
#define kern_addr_valid(addr) 1
extern pgd_t swapper_pg_dir[];
extern struct page *lab_zero_page;
#define ZERO_PAGE(vaddr) (lab_zero_page)

#endif
