/* SPDX-License-Identifier: Apache-2.0 */
/* Video files by way of the programs ffmpeg and ffprobe, as child processes.

   Frames are read as a row of PPM pictures: each tells its own size, so that rotated and odd videos
   need no guesses. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_SIDE = 32768 };
static const char no_ffmpeg[] = "the program ffmpeg is not installed";

typedef struct video_stream {
    ork_cli_stream stream; /* first: the pointer that others hold */
    ork_cli_child child;
    ork_picture picture;
} video_stream;

/* ---- reading ---- */

/* A number of a PPM head, after space. */
static int read_number(FILE *file)
{
    int number = 0, letter = getc(file);
    while (letter == ' ' || letter == '\n')
        letter = getc(file);
    for (; letter >= '0' && letter <= '9' && number < 1000000; letter = getc(file))
        number = number * 10 + letter - '0';
    return number;
}

static bool resize_frame(ork_picture *picture, int width, int height)
{
    if (picture->width == width && picture->height == height)
        return true;
    uint8_t *pixels = realloc(picture->pixels, (size_t)width * (size_t)height * 3);
    if (!pixels)
        return false;
    *picture = (ork_picture){width, height, (ptrdiff_t)width * 3, pixels};
    return true;
}

static bool next_frame(ork_cli_stream *stream, ork_picture *picture, const char **problem)
{
    video_stream *video = (video_stream *)stream;
    FILE *file = video->child.pipe;
    *problem = NULL;
    if (getc(file) != 'P' || getc(file) != '6')
        return false; /* the end */
    int width = read_number(file), height = read_number(file), top = read_number(file);
    *problem = "ffmpeg sent something that is no frame";
    if (width < 1 || width > MOST_SIDE || height < 1 || height > MOST_SIDE || top != 255)
        return false;
    *problem = "no memory is left for a frame";
    if (!resize_frame(&video->picture, width, height))
        return false;
    *problem = "the video ends within a frame";
    size_t size = (size_t)width * (size_t)height * 3;
    if (fread(video->picture.pixels, 1, size, file) != size)
        return false;
    *problem = NULL;
    *picture = video->picture;
    return true;
}

static void close_video(ork_cli_stream *stream)
{
    video_stream *video = (video_stream *)stream;
    ork_cli_child_finish(&video->child, true);
    free(video->picture.pixels);
}

/* Rate and length, as far as ffprobe knows them. */
static void probe(video_stream *video, const char *url)
{
    const char *const argv[] = {"ffprobe",
                                "-v",
                                "error",
                                "-select_streams",
                                "v:0",
                                "-show_entries",
                                "stream=avg_frame_rate,nb_frames",
                                "-of",
                                "default=noprint_wrappers=1",
                                "-protocol_whitelist",
                                "file",
                                url,
                                NULL};
    ork_cli_child child;
    char line[128];
    if (!ork_cli_child_start(&child, argv, false))
        return;
    while (fgets(line, sizeof(line), child.pipe)) {
        double above, below;
        unsigned long long frames;
        if (sscanf(line, "avg_frame_rate=%lf/%lf", &above, &below) == 2 && below > 0)
            video->stream.rate = above / below;
        if (sscanf(line, "nb_frames=%llu", &frames) == 1)
            video->stream.frames = frames;
    }
    ork_cli_child_finish(&child, false);
}

ork_cli_stream *ork_cli_open_video(const char *path, const char **problem)
{
    *problem = no_ffmpeg;
    if (!ork_cli_program_exists("ffmpeg"))
        return NULL;
    *problem = "the file cannot be read";
    if (access(path, R_OK) != 0)
        return NULL;
    /* "file:" keeps names with colons from being taken for addresses, and those with dashes for
       options. */
    const char *url = ork_cli_format("file:%s", path);
    video_stream *video = ork_cli_alloc(sizeof(*video));
    video->stream.next = next_frame;
    video->stream.close = close_video;
    probe(video, url);
    const char *const argv[] = {
        "ffmpeg", "-v",   "error", "-nostdin", "-protocol_whitelist", "file,pipe", "-i",
        url,      "-map", "0:v:0", "-f",       "image2pipe",          "-c:v",      "ppm",
        "pipe:1", NULL};
    *problem = "ffmpeg cannot be started";
    return ork_cli_child_start(&video->child, argv, false) ? &video->stream : NULL;
}

/* ---- writing ---- */

struct ork_cli_video_writer {
    ork_cli_child child;
    int width, height;
    const char *path, *part;
};

ork_cli_video_writer *ork_cli_video_create(const char *path, const ork_picture *first, double rate,
                                           const char **problem)
{
    *problem = no_ffmpeg;
    if (!ork_cli_program_exists("ffmpeg"))
        return NULL;
    ork_cli_video_writer *writer = ork_cli_alloc(sizeof(*writer));
    writer->width = first->width;
    writer->height = first->height;
    writer->path = path;
    /* Under another name until it is whole; the ending tells ffmpeg the format. */
    int folder = (int)(ork_cli_base_name(path) - path);
    writer->part =
        ork_cli_format("%.*s.part-%ld-%s", folder, path, (long)getpid(), ork_cli_base_name(path));
    const char *size = ork_cli_format("%dx%d", first->width, first->height);
    const char *speed = ork_cli_format("%.6g", rate > 0 ? rate : 25);
    const char *url = ork_cli_format("file:%s", writer->part);
    /* Most players want 4:2:0, which needs even sides. */
    const char *const argv[] = {"ffmpeg",
                                "-v",
                                "error",
                                "-y",
                                "-f",
                                "rawvideo",
                                "-pix_fmt",
                                "rgb24",
                                "-s",
                                size,
                                "-r",
                                speed,
                                "-i",
                                "pipe:0",
                                "-an",
                                "-vf",
                                "pad=ceil(iw/2)*2:ceil(ih/2)*2",
                                "-pix_fmt",
                                "yuv420p",
                                url,
                                NULL};
    *problem = "ffmpeg cannot be started";
    return ork_cli_child_start(&writer->child, argv, true) ? writer : NULL;
}

bool ork_cli_video_write(ork_cli_video_writer *writer, const ork_picture *picture)
{
    if (picture->width != writer->width || picture->height != writer->height)
        return false;
    size_t row = (size_t)picture->width * 3;
    for (int y = 0; y < picture->height; y++)
        if (fwrite(picture->pixels + y * picture->stride, 1, row, writer->child.pipe) != row)
            return false;
    return true;
}

bool ork_cli_video_close(ork_cli_video_writer *writer, bool keep)
{
    bool good = ork_cli_child_finish(&writer->child, !keep) && keep;
    if (good)
        good = rename(writer->part, writer->path) == 0;
    if (!good)
        unlink(writer->part);
    return good;
}
