/* Types that headers name; no driver loads programs. */
#ifndef DMALAB_TREE_ELF_H
#define DMALAB_TREE_ELF_H

#define ELF_CLASS 2
#define ELF_DATA 1
#define ELF_ARCH 0
#define ELF_ET_DYN_BASE 0
#define ELF_EXEC_PAGESIZE 4096
#define ELF_HWCAP 0
#define ELF_PLATFORM NULL
#define SET_PERSONALITY(header)
#define elf_check_arch(header) 1
typedef unsigned long elf_greg_t;
typedef elf_greg_t elf_gregset_t[10];
typedef unsigned long elf_fpregset_t;

#endif
