/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that programs, runs and other devices share. */
#define _GNU_SOURCE
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- making and freeing ---- */

/* Memory behind a file descriptor, which another process or driver can map; -1 when the kernel has
   none. The system call itself, because old C libraries of boards lack the function. */
static int memory_file(size_t size)
{
    int fd = (int)syscall(SYS_memfd_create, "rknn", 1u /* MFD_CLOEXEC */);
    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void *map_memory(int fd, size_t size)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static rknn_tensor_mem *make_memory(runtime *r, uint64_t size)
{
    rknn_tensor_mem *mem = size > 0 && size <= UINT32_MAX ? calloc(1, sizeof(*mem)) : NULL;
    if (!mem) {
        ork_fail(r->diag, ORK_ERR_USAGE, "memory of %llu bytes", (unsigned long long)size);
        return NULL;
    }
    mem->fd = memory_file((size_t)size);
    mem->logical_addr = map_memory(mem->fd, (size_t)size);
    mem->size = (uint32_t)size;
    mem->reserved_flag = RKNN_TENSOR_MEMORY_FLAGS_ALLOC_INSIDE;
    if (mem->logical_addr)
        return mem;
    if (mem->fd >= 0)
        close(mem->fd);
    free(mem);
    ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "no memory of %llu bytes", (unsigned long long)size);
    return NULL;
}

static void free_memory(rknn_tensor_mem *mem)
{
    munmap(mem->logical_addr, mem->size);
    if (mem->fd >= 0)
        close(mem->fd);
    free(mem);
}

RUNTIME_API rknn_tensor_mem *rknn_create_mem(rknn_context context, uint64_t size)
{
    runtime *r = runtime_enter(context, "rknn_create_mem");
    if (!r)
        return NULL;
    rknn_tensor_mem *mem = make_memory(r, size);
    runtime_leave(r, "rknn_create_mem");
    return mem;
}

/* ---- tensors in it ---- */

static runtime_input *find_input(runtime *r, const rknn_tensor_attr *attr)
{
    runtime_input *input = attr->index < r->input_count ? &r->inputs[attr->index] : NULL;
    return input && strcmp(input->value->name, attr->name) == 0 ? input : NULL;
}

static runtime_output *find_output(runtime *r, const rknn_tensor_attr *attr)
{
    runtime_output *output = attr->index < r->output_count ? &r->outputs[attr->index] : NULL;
    return output && strcmp(output->value->name, attr->name) == 0 ? output : NULL;
}

static bool check_memory(runtime *r, const rknn_tensor_mem *mem, const rknn_tensor_attr *own,
                         const rknn_tensor_attr *attr, rknn_tensor_type other)
{
    if ((attr->type != own->type && attr->type != other) ||
        (unsigned)attr->fmt >= RKNN_TENSOR_FORMAT_MAX)
        return ork_fail(r->diag, ORK_ERR_INPUT_TYPE,
                        "'%s' cannot lie in memory with type %d and format %d", own->name,
                        (int)attr->type, (int)attr->fmt);
    uint32_t size = own->n_elems * runtime_type_size(attr->type);
    return (mem->logical_addr && mem->size >= size) ||
           ork_fail(r->diag, ORK_ERR_INPUT_SHAPE, "'%s' needs %u bytes of memory, not %u",
                    own->name, (unsigned)size, (unsigned)mem->size);
}

static bool set_input_memory(runtime *r, runtime_input *input, rknn_tensor_mem *mem,
                             const rknn_tensor_attr *attr)
{
    rknn_tensor_attr own = {0};
    runtime_describe(input->value, &own);
    if (!check_memory(r, mem, &own, attr, RKNN_TENSOR_UINT8))
        return false;
    ork_shape shape = input->value->type.shape;
    const int64_t *d = shape.dim;
    bool is_nhwc = shape.rank == 4 && attr->fmt == RKNN_TENSOR_NHWC;
    if (is_nhwc)
        shape = ork_shape_of(4, (int64_t[]){d[0], d[2], d[3], d[1]});
    input->feed = (ork_feed){.data = mem->logical_addr,
                             .dtype = runtime_dtype(attr->type),
                             .shape = shape,
                             .is_nhwc = is_nhwc,
                             .pass_through = attr->type != RKNN_TENSOR_UINT8};
    return true;
}

static bool set_output_memory(runtime *r, runtime_output *output, rknn_tensor_mem *mem,
                              const rknn_tensor_attr *attr)
{
    rknn_tensor_attr own = {0};
    runtime_describe(output->value, &own);
    if (!check_memory(r, mem, &own, attr, RKNN_TENSOR_FLOAT32))
        return false;
    runtime_wait(r);
    output->memory = mem;
    output->memory_type = attr->type;
    output->memory_format = attr->fmt;
    return true;
}

static bool set_memory(runtime *r, rknn_tensor_mem *mem, const rknn_tensor_attr *attr)
{
    if (!mem || !attr)
        return ork_fail(r->diag, ORK_ERR_USAGE, "memory and attribute must be there");
    runtime_input *input = find_input(r, attr);
    runtime_output *output = input ? NULL : find_output(r, attr);
    if (input)
        return set_input_memory(r, input, mem, attr);
    if (output)
        return set_output_memory(r, output, mem, attr);
    ork_fail(r->diag, ORK_ERR_USAGE, "there is neither an input nor an output %u called '%.*s'",
             (unsigned)attr->index, RKNN_MAX_NAME_LEN, attr->name);
    return ork_fix(r->diag, "pass the attribute that rknn_query gave");
}

RUNTIME_API int rknn_set_io_mem(rknn_context context, rknn_tensor_mem *mem, rknn_tensor_attr *attr)
{
    runtime *r = runtime_enter(context, "rknn_set_io_mem");
    if (!r)
        return RKNN_ERR_CTX_INVALID;
    set_memory(r, mem, attr);
    return runtime_leave(r, "rknn_set_io_mem");
}

/* No run may use the memory any more. */
static void forget_memory(runtime *r, const rknn_tensor_mem *mem)
{
    runtime_wait(r);
    for (uint32_t i = 0; i < r->input_count; i++)
        if (r->inputs[i].feed.data == mem->logical_addr)
            r->inputs[i].feed.data = NULL;
    for (uint32_t i = 0; i < r->output_count; i++)
        if (r->outputs[i].memory == mem)
            r->outputs[i].memory = NULL;
}

/* Programs destroy the context first as often as the memory: both orders work. */
RUNTIME_API int rknn_destroy_mem(rknn_context context, rknn_tensor_mem *mem)
{
    if (!mem || mem->reserved_flag != RKNN_TENSOR_MEMORY_FLAGS_ALLOC_INSIDE) {
        runtime_say("rknn_destroy_mem", "that memory did not come from rknn_create_mem");
        return RKNN_ERR_PARAM_INVALID;
    }
    runtime *r = runtime_find(context);
    if (r) {
        forget_memory(r, mem);
        runtime_leave(r, "rknn_destroy_mem");
    }
    free_memory(mem);
    return RKNN_SUCC;
}
