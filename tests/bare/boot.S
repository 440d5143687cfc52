/* SPDX-License-Identifier: Apache-2.0 */
/* First instructions of the bare machine of kernel.c: from a multiboot loader's 32 bits to 64 bits
   with everything mapped as it lies (1 GiB) and AVX-512 switched on. A program under test runs in
   ring 0; its SYSCALL comes to system_call below. */
    .section .start, "ax"
    .code32
    .align 4
multiboot:
    .long 0x1badb002
    .long 0x00010003                    /* modules on pages, memory sizes, addresses follow */
    .long -(0x1badb002 + 0x00010003)
    .long multiboot, load_start, 0, bss_end, start32
start32:
    cli
    movl $boot_stack_end, %esp
    movl %ebx, %edi                     /* the loader's information, for kernel_main */
    movl $page_directory, %eax
    movl $0x83, %ecx                    /* 2 MiB, present, writable */
1:  movl %ecx, (%eax)
    addl $8, %eax
    addl $0x200000, %ecx
    cmpl $0x40000083, %ecx
    jne 1b
    movl $page_directory + 3, page_pointers
    movl $page_pointers + 3, page_root
    movl %cr4, %eax
    orl $0x40620, %eax                  /* PAE, OSFXSR, OSXMMEXCPT, OSXSAVE */
    movl %eax, %cr4
    movl $page_root, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx              /* EFER: SCE, LME */
    movl $0x101, %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80000023, %eax              /* paging, numeric errors, MP, protected mode */
    movl %eax, %cr0
    lgdt table_pointer
    ljmp $8, $start64
    .code64
start64:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %ecx, %ecx
    xorl %edx, %edx
    movl $0xe7, %eax                    /* x87, SSE, AVX, the three parts of AVX-512 */
    xsetbv
    fninit                              /* x87, which some functions of libm use: no exceptions */
    movl $0xc0000081, %ecx              /* STAR: SYSCALL stays in ring 0 */
    xorl %eax, %eax
    movl $8, %edx
    wrmsr
    movl $0xc0000082, %ecx              /* LSTAR */
    movl $system_call, %eax
    xorl %edx, %edx
    wrmsr
    movl $0xc0000084, %ecx              /* SFMASK */
    xorl %eax, %eax
    wrmsr
    call kernel_main

/* enter_program(address, stack) */
    .globl enter_program
enter_program:
    movq %rsi, %rsp
    movq %rdi, %rax
    xorl %edx, %edx
    xorl %ebp, %ebp
    jmp *%rax

/* Arguments rdi rsi rdx r10 r8 r9, number rax; rcx is where to go on, r11 the flags. */
system_call:
    movq %rsp, program_stack
    movq $kernel_stack_end, %rsp
    pushq %rcx
    pushq %r11
    pushq %r9
    pushq %r8
    pushq %r10
    pushq %rdx
    pushq %rsi
    pushq %rdi
    movq %rsp, %rsi
    movq %rax, %rdi
    cld
    call system_call_run
    popq %rdi
    popq %rsi
    popq %rdx
    popq %r10
    popq %r8
    popq %r9
    popq %r11
    popq %rcx
    movq program_stack, %rsp
    pushq %r11
    popfq
    jmp *%rcx

    .section .data
    .align 8
table:
    .quad 0, 0x00209a0000000000         /* code of 64 bits */
table_pointer:
    .word 15
    .long table

    .section .bss
    .align 4096
page_root: .skip 4096
page_pointers: .skip 4096
page_directory: .skip 4096
boot_stack: .skip 16384
boot_stack_end:
kernel_stack: .skip 16384
kernel_stack_end:
program_stack: .skip 8
