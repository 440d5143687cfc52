/* SPDX-License-Identifier: Apache-2.0 */
/* Cameras by Linux' V4L2: two buffers or more mapped from the driver, YUYV or Motion JPEG. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BUFFERS = 4, WANTED_WIDTH = 640, WANTED_HEIGHT = 480, PATIENCE_MS = 5000 };

typedef struct mapping {
    void *start;
    size_t size;
} mapping;

typedef struct camera_stream {
    ork_cli_stream stream; /* first: the pointer that others hold */
    ork_model *model;      /* for its picture reader */
    int handle;
    bool jpeg, streaming;
    int width, height;
    size_t row;
    mapping mappings[BUFFERS];
    unsigned count;
    ork_picture picture;
} camera_stream;

/* ioctl that goes on after a signal, unless that was Ctrl-C. */
static bool control(const camera_stream *camera, unsigned long request, void *argument)
{
    int result;
    do
        result = ioctl(camera->handle, request, argument);
    while (result < 0 && errno == EINTR && !ork_cli_interrupted());
    return result >= 0;
}

static uint8_t clip(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* BT.601 with video range, in 10 bits. */
static void put_pixel(uint8_t *rgb, int y, int u, int v)
{
    int luma = 1192 * (y < 16 ? 0 : y - 16) + 512;
    rgb[0] = clip((luma + 1634 * (v - 128)) / 1024);
    rgb[1] = clip((luma - 833 * (v - 128) - 400 * (u - 128)) / 1024);
    rgb[2] = clip((luma + 2066 * (u - 128)) / 1024);
}

static bool read_yuyv(camera_stream *camera, const uint8_t *bytes, size_t size)
{
    if (size < camera->row * (size_t)camera->height)
        return false;
    for (int y = 0; y < camera->height; y++) {
        const uint8_t *from = bytes + camera->row * (size_t)y;
        uint8_t *to = camera->picture.pixels + camera->picture.stride * y;
        for (int x = 0; x + 1 < camera->width; x += 2, from += 4, to += 6) {
            put_pixel(to, from[0], from[1], from[3]);
            put_pixel(to + 3, from[2], from[1], from[3]);
        }
    }
    return true;
}

static bool read_jpeg(camera_stream *camera, const void *bytes, size_t size)
{
    ork_picture_free(&camera->picture);
    return ork_picture_decode(camera->model, bytes, size, &camera->picture);
}

static bool next_frame(ork_cli_stream *stream, ork_picture *picture, const char **problem)
{
    camera_stream *camera = (camera_stream *)stream;
    for (int damaged = 0; damaged < 30; damaged++) {
        struct pollfd ready = {.fd = camera->handle, .events = POLLIN};
        struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                     .memory = V4L2_MEMORY_MMAP};
        *problem = NULL;
        int waited = poll(&ready, 1, PATIENCE_MS);
        if (ork_cli_interrupted())
            return false;
        *problem = "the camera sends no frames";
        if (waited <= 0 || !control(camera, VIDIOC_DQBUF, &buffer) || buffer.index >= camera->count)
            return false;
        const mapping *from = &camera->mappings[buffer.index];
        size_t size = buffer.bytesused < from->size ? buffer.bytesused : from->size;
        bool good = camera->jpeg ? read_jpeg(camera, from->start, size)
                                 : read_yuyv(camera, from->start, size);
        if (!control(camera, VIDIOC_QBUF, &buffer))
            return false;
        if (good) { /* the first frames of many cameras are damaged */
            *problem = NULL;
            *picture = camera->picture;
            return true;
        }
    }
    *problem = "the frames of the camera are damaged";
    return false;
}

static void close_camera(ork_cli_stream *stream)
{
    camera_stream *camera = (camera_stream *)stream;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (camera->streaming)
        control(camera, VIDIOC_STREAMOFF, &type);
    for (unsigned i = 0; i < camera->count; i++)
        munmap(camera->mappings[i].start, camera->mappings[i].size);
    close(camera->handle);
    if (camera->jpeg)
        ork_picture_free(&camera->picture);
    else
        free(camera->picture.pixels);
}

static bool set_format(camera_stream *camera, uint32_t pixel_format)
{
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    format.fmt.pix.width = WANTED_WIDTH;
    format.fmt.pix.height = WANTED_HEIGHT;
    format.fmt.pix.pixelformat = pixel_format;
    format.fmt.pix.field = V4L2_FIELD_ANY;
    if (!control(camera, VIDIOC_S_FMT, &format) || format.fmt.pix.pixelformat != pixel_format)
        return false;
    camera->jpeg = pixel_format == V4L2_PIX_FMT_MJPEG;
    camera->width = (int)format.fmt.pix.width;
    camera->height = (int)format.fmt.pix.height;
    size_t least = (size_t)camera->width * 2;
    camera->row = format.fmt.pix.bytesperline > least ? format.fmt.pix.bytesperline : least;
    return camera->width > 0 && camera->width < 32768 && camera->height > 0 &&
           camera->height < 32768;
}

static bool map_buffers(camera_stream *camera)
{
    struct v4l2_requestbuffers request = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    if (!control(camera, VIDIOC_REQBUFS, &request) || request.count < 2)
        return false;
    for (unsigned i = 0; i < request.count && i < BUFFERS; i++) {
        struct v4l2_buffer buffer = {
            .index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
        if (!control(camera, VIDIOC_QUERYBUF, &buffer))
            return false;
        void *start = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, camera->handle,
                           (off_t)buffer.m.offset);
        if (start == MAP_FAILED)
            return false;
        camera->mappings[camera->count++] = (mapping){start, buffer.length};
        if (!control(camera, VIDIOC_QBUF, &buffer))
            return false;
    }
    return true;
}

static bool start_camera(camera_stream *camera, const char **problem)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    *problem = "the camera gives neither YUYV nor Motion JPEG";
    if (!set_format(camera, V4L2_PIX_FMT_YUYV) && !set_format(camera, V4L2_PIX_FMT_MJPEG))
        return false;
    *problem = "the camera cannot be started: another program may be using it";
    if (!map_buffers(camera) || !control(camera, VIDIOC_STREAMON, &type))
        return false;
    camera->streaming = true;
    if (camera->jpeg)
        return true;
    *problem = "no memory is left for a frame";
    camera->picture = (ork_picture){camera->width, camera->height, (ptrdiff_t)camera->width * 3,
                                    calloc((size_t)camera->width * 3, (size_t)camera->height)};
    return camera->picture.pixels;
}

ork_cli_stream *ork_cli_open_camera(ork_model *model, const char *path, const char **problem)
{
    camera_stream *camera = ork_cli_alloc(sizeof(*camera));
    camera->stream.next = next_frame;
    camera->stream.close = close_camera;
    camera->model = model;
    camera->handle = open(path, O_RDWR | O_CLOEXEC);
    *problem = errno == EACCES ? "you may not use the camera: is your user in the group video?"
                               : "there is no such camera";
    if (camera->handle < 0)
        return NULL;
    if (start_camera(camera, problem))
        return &camera->stream;
    close_camera(&camera->stream);
    return NULL;
}
