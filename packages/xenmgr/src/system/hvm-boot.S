/*
 * The first sector of a disk from which a fully virtual guest boots: it has the BIOS load an image that follows it on the
 * disk and tell the memory map, and enters the image as a PVH guest is entered (32 bits, paging off, %ebx = hvm_start_info
 * of xen/include/public/arch-x86/hvm/start_info.h). What depends on the image is given as -D: IMAGE_SECTORS,
 * IMAGE_BYTES, IMAGE_MEMORY, IMAGE_ADDRESS, IMAGE_ENTRY.
 */
#define BUFFER 0x10000
#define MEMORY_MAP 0x8000
#define ENTRY_BYTES 24
#define SMAP 0x534d4150

        .code16
        .globl _start
_start:
        cli
        cld
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $_start, %sp

        /* INT 13h, AH=42h: the packet says what; %dl is still the disk that we come from. */
        mov     $packet, %si
        mov     $0x42, %ah
        int     $0x13
        jc      stuck

        /* INT 15h, EAX=E820h: entries as a PVH guest has them. */
        xor     %ebx, %ebx
        mov     $MEMORY_MAP, %di
1:      mov     $0xe820, %eax
        mov     $ENTRY_BYTES, %ecx
        mov     $SMAP, %edx
        int     $0x15
        jc      2f
        movl    $0, 20(%di)
        incl    memory_map_entries
        add     $ENTRY_BYTES, %di
        test    %ebx, %ebx
        jnz     1b

        /*
         * No interrupt is ever taken, and one that is pending would keep waking the guest: all lines of both controllers are
         * masked, and the timer of the BIOS stops after one more round.
         */
2:      cli
        mov     $0xff, %al
        out     %al, $0x21
        out     %al, $0xa1
        mov     $0x30, %al
        out     %al, $0x43
        xor     %al, %al
        out     %al, $0x40
        out     %al, $0x40

        lgdt    gdt_pointer
        mov     %cr0, %eax
        or      $1, %al
        mov     %eax, %cr0
        ljmp    $0x08, $3f
stuck:  hlt
        jmp     stuck

        .code32
3:      mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $BUFFER, %esi
        mov     $IMAGE_ADDRESS, %edi
        mov     $IMAGE_BYTES, %ecx
        rep movsb
        xor     %eax, %eax
        mov     $IMAGE_MEMORY - IMAGE_BYTES, %ecx
        rep stosb
        mov     $start_info, %ebx
        mov     $IMAGE_ENTRY, %eax
        jmp     *%eax

        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* 32-bit code */
        .quad   0x00cf93000000ffff      /* data */
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt

        .balign 8
packet: .byte   16, 0
        .word   IMAGE_SECTORS
        .word   BUFFER & 15, BUFFER >> 4
        .quad   1                       /* the second sector of the disk */

        .balign 8
start_info:
        .long   0x336ec578, 1, 0, 0
        .quad   0, 0, 0, MEMORY_MAP
memory_map_entries:
        .long   0, 0

        .org    510
        .word   0xaa55
        .section .note.GNU-stack, "", @progbits
