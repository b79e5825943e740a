/*
 * Both ways in. PV: 64-bit, paging on, %rsi = start_info, %rsp = end of what the domain builder used
 * (xen/include/public/xen.h). PVH: 32-bit, paging off, %ebx = hvm_start_info (arch-x86/hvm/start_info.h); the first
 * 4 GiB get an identity mapping, so that an address is a guest-physical address on either way.
 */
#define __ASSEMBLY__
#include <xen/elfnote.h>

#define CR0_PE_PG 0x80000001
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define LARGE_PAGE_FLAGS 0x83
#define TABLE_FLAGS 0x03

        .section .text.entry, "ax"
        .code64
        .globl pv_entry
pv_entry:
        cld
        mov     %rsi, %rdi
        mov     %rsp, %rsi
        mov     $stack_end, %rsp
        xor     %ebp, %ebp
        call    pv_main
        ud2

        .code32
pvh_entry:
        cli
        cld
        mov     $page_directories, %edx
        mov     $LARGE_PAGE_FLAGS, %eax
        mov     $2048, %ecx
1:      mov     %eax, (%edx)
        add     $0x200000, %eax
        add     $8, %edx
        loop    1b

        mov     $page_pointers, %edx
        mov     $page_directories + TABLE_FLAGS, %eax
        mov     $4, %ecx
1:      mov     %eax, (%edx)
        add     $0x1000, %eax
        add     $8, %edx
        loop    1b
        movl    $page_pointers + TABLE_FLAGS, page_root

        mov     %cr4, %eax
        or      $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     $page_root, %eax
        mov     %eax, %cr3
        mov     $MSR_EFER, %ecx
        rdmsr
        or      $EFER_LME, %eax
        wrmsr
        mov     %cr0, %eax
        or      $CR0_PE_PG, %eax
        mov     %eax, %cr0
        lgdt    gdt_pointer
        ljmp    $0x08, $1f
        .code64
1:      mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $stack_end, %rsp
        xor     %ebp, %ebp
        mov     %ebx, %edi
        call    pvh_main
        ud2

        .balign 8
gdt:    .quad   0
        .quad   0x00af9b000000ffff      /* 64-bit code */
        .quad   0x00cf93000000ffff      /* data */
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt

        /* Xen fills this page with one 32-byte stub for each hypercall. */
        .balign 4096
        .globl hypercall_page
hypercall_page:
        .fill   4096, 1, 0x90

        .bss
        .balign 4096
page_root:              .skip 4096
page_pointers:          .skip 4096
page_directories:       .skip 4 * 4096
                        .skip 4 * 4096
stack_end:

        .macro note_text type, text
        .balign 4
        .long   4, 2f - 1f, \type
        .asciz  "Xen"
1:      .asciz  "\text"
2:
        .endm
        .macro note_number type, directive, value
        .balign 4
        .long   4, 2f - 1f, \type
        .asciz  "Xen"
1:      \directive \value
2:
        .endm

        .section .note.Xen, "a", @note
        note_text XEN_ELFNOTE_GUEST_OS, "testguest"
        note_text XEN_ELFNOTE_XEN_VERSION, "xen-3.0"
        note_text XEN_ELFNOTE_LOADER, "generic"
        note_text XEN_ELFNOTE_PAE_MODE, "yes"
        note_number XEN_ELFNOTE_VIRT_BASE, .quad, 0
        note_number XEN_ELFNOTE_PADDR_OFFSET, .quad, 0
        note_number XEN_ELFNOTE_ENTRY, .quad, pv_entry
        note_number XEN_ELFNOTE_HYPERCALL_PAGE, .quad, hypercall_page
        note_number XEN_ELFNOTE_SUSPEND_CANCEL, .long, 1
        note_number XEN_ELFNOTE_PHYS32_ENTRY, .long, pvh_entry
        .section .note.GNU-stack, "", @progbits
