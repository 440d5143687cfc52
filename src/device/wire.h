/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes between a host and a board, for both ends; docs/board.md describes every field. All
   numbers are little-endian. A frame is a header of 16 bytes and a body:

     0 u32 mark "ORKW"   4 u32 kind   8 u64 size of the body

   Functions return false when the other end is gone or sends what is no frame; wire->trouble says
   which. After that the connection cannot be used any more. */
#ifndef ORK_DEVICE_WIRE_H
#define ORK_DEVICE_WIRE_H

#include "../base/base.h"

#include <sys/uio.h>

enum {
    WIRE_PROTOCOL = 1, /* changes whenever an older end would misunderstand */
    WIRE_HEADER = 16,
    WIRE_TEXT = 800,        /* most bytes of a text, its end included */
    WIRE_SMALL = 4096,      /* most bytes of the body of a frame without tensors */
    WIRE_DESCRIPTOR = 76,   /* bytes that stand before the data of each input */
    WIRE_MOST_TENSORS = 64, /* inputs, and outputs, of a network */
};
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* libFuzzer: large memory makes runs slow */
    #define WIRE_MOST_BYTES (UINT64_C(1) << 16)
#else
    #define WIRE_MOST_BYTES (UINT64_C(1) << 30) /* of any frame */
#endif

typedef enum wire_kind {
    WIRE_HELLO = 1, /* host: protocol, token, version */
    WIRE_WELCOME,   /* board: protocol, version, machine, chip, processors */
    WIRE_LOAD,      /* host: family, threads, whether layers are wanted, the .rknn file */
    WIRE_READY,     /* board: inputs, outputs, threads, memory, the size of each output */
    WIRE_RUN,       /* host: the inputs */
    WIRE_RESULT,    /* board: nanoseconds, the outputs */
    WIRE_LAYER,     /* board, before RESULT, where layers are wanted: name, type, numbers */
    WIRE_ERROR,     /* board, in place of any answer: id, what, where, why, fix */
} wire_kind;

typedef enum wire_trouble {
    WIRE_FINE,
    WIRE_CLOSED,    /* the other end has closed, between two frames */
    WIRE_LOST,      /* it is gone in the middle of one, or the connection is broken */
    WIRE_STALLED,   /* it has sent nothing for `patience` seconds in the middle of a frame */
    WIRE_GARBLED,   /* it has sent what is no frame, or none that was expected */
    WIRE_CANCELLED, /* the user does not want to wait any longer */
} wire_trouble;

typedef struct wire wire;
struct wire {
    /* Reads or writes all of it. Writing may change the parts. */
    bool (*read)(wire *w, void *to, size_t size);
    bool (*write)(wire *w, struct iovec *parts, int count);
    void *user; /* of read and write */
    int fd;
    int patience;                         /* seconds; 0: any time */
    bool (*keep_waiting)(void *ask_user); /* asked now and then, or NULL */
    void *ask_user;
    bool hurry; /* patience has an end between frames, too: greetings do not take long */
    bool in_frame;
    uint64_t left; /* bytes of the frame's body that have not been read yet */
    wire_trouble trouble;
};

/* A wire over a connected socket, which stays the caller's. */
wire wire_of_socket(int fd, int patience);
bool wire_trouble_is(wire *w, wire_trouble trouble); /* sets it; false */

/* Sends a frame whose body is made of the parts, straight from where they lie. */
bool wire_send(wire *w, wire_kind kind, const struct iovec *parts, int count);
bool wire_send_text(wire *w, wire_kind kind, const ork_str *body);

/* Waits for a frame. What is left of the one before is read over. */
bool wire_next(wire *w, uint32_t *kind);
/* Reads `size` bytes of the body; GARBLED when it has fewer. */
bool wire_take(wire *w, void *to, size_t size);
bool wire_skip(wire *w);
/* The rest of the body, at most WIRE_SMALL bytes, as a reader over `room`; GARBLED when there is
   more. */
bool wire_take_small(wire *w, uint8_t room[WIRE_SMALL], ork_reader *reader);

/* ---- fields ---- */

void wire_put_u8(ork_str *body, uint8_t number);
void wire_put_u32(ork_str *body, uint32_t number);
void wire_put_u64(ork_str *body, uint64_t number);
/* u16 length, then so many bytes; longer texts are cut. */
void wire_put_text(ork_str *body, const char *text);
/* The reader fails when there is no such text; bytes that are no text for people become '?'. */
void wire_get_text(ork_reader *reader, char text[WIRE_TEXT]);

#endif
