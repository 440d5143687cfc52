/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the TorchScript reader. A traced file holds a tree of module objects (pickle), weights,
   and the methods of their classes as text in a small subset of Python. The reader runs the
   `forward` of the top module on symbolic tensors.

     unpickle.c                 module objects and constants
     code_scan.c, code_parse.c  the method texts
     interpret.c                runs methods
     script.c                   forward(): what it takes, and a run of it */
#ifndef ORK_TORCH_SCRIPT_H
#define ORK_TORCH_SCRIPT_H

#include "torch.h"

/* ---- code_scan.c, code_parse.c --------------------------------------------------------- */

typedef enum ork_ts_expr_kind {
    ORK_TS_LOCAL,   /* slot */
    ORK_TS_GLOBAL,  /* text: "torch.add", "CONSTANTS.c0" */
    ORK_TS_INTEGER, /* integer */
    ORK_TS_NUMBER,  /* number */
    ORK_TS_TEXT,    /* text */
    ORK_TS_TRUE,
    ORK_TS_FALSE,
    ORK_TS_NOTHING,   /* None */
    ORK_TS_ATTRIBUTE, /* object.text */
    ORK_TS_CALLING,   /* object(items, keywords) */
    ORK_TS_LISTING,   /* [items] */
    ORK_TS_TUPLING,   /* (items) */
    ORK_TS_DICTING,   /* items: key, value, key, value */
    ORK_TS_SUBSCRIPT, /* object[items[0]] */
    ORK_TS_NEGATIVE,  /* -object */
} ork_ts_expr_kind;

typedef struct ork_ts_expr ork_ts_expr;
struct ork_ts_expr {
    ork_ts_expr_kind kind;
    uint32_t line;
    int slot;
    const char *text;
    int64_t integer;
    double number;
    ork_ts_expr *object;
    ORK_VEC(ork_ts_expr *) items;
    const char **keywords; /* of a call: NULL for positional items; NULL when there are none */
    const void *cache;     /* of a call of an operator: its rows in the table */
};

typedef enum ork_ts_statement_kind {
    ORK_TS_ASSIGN, /* one target */
    ORK_TS_UNPACK, /* several targets, or one with a trailing comma */
    ORK_TS_RETURN,
    ORK_TS_EVALUATE,
    ORK_TS_IF,           /* expr, body, otherwise */
    ORK_TS_WHILE,        /* expr, body */
    ORK_TS_FOR,          /* targets[0] in range(items of expr), body */
    ORK_TS_CONTROL_FLOW, /* other: `text` is the keyword; nothing behind it is parsed */
} ork_ts_statement_kind;

typedef struct ork_ts_block ork_ts_block;

typedef struct ork_ts_statement {
    ork_ts_statement_kind kind;
    uint32_t line;
    ORK_VEC(int) targets; /* slots */
    ork_ts_expr *expr;    /* NULL: None */
    const char *text;
    ork_ts_block *body, *otherwise; /* NULL: nothing */
} ork_ts_statement;

struct ork_ts_block {
    ORK_VEC(ork_ts_statement) statements;
};

typedef struct ork_ts_parameter {
    const char *name;
    ork_ts_expr *type;     /* NULL when not written */
    ork_ts_expr *standard; /* the default, or NULL */
} ork_ts_parameter;

typedef struct ork_ts_class ork_ts_class;

/* A method or a free function. Its body is parsed when it is first called. */
typedef struct ork_ts_function {
    const char *name;
    const ork_ts_class *owner; /* NULL for a free function */
    const char *file;          /* "code/__torch__.py" */
    const char *begin, *end;   /* from "def" on */
    uint32_t line;
    bool is_parsed;
    ORK_VEC(ork_ts_parameter) parameters; /* take the first slots */
    ork_ts_block body;
    int slot_count;
} ork_ts_function;

struct ork_ts_class {
    const char *name;           /* "Conv2d" */
    const char *qualified_name; /* "__torch__.torch.nn.modules.conv.Conv2d" */
    const char *file;
    const char *begin, *end;
    uint32_t line;
    ORK_VEC(ork_ts_function *) methods;
};

/* One text of the code folder, cut into classes and functions. */
typedef struct ork_ts_file {
    const char *path;
    ORK_VEC(ork_ts_class *) classes;
    ORK_VEC(ork_ts_function *) functions;
} ork_ts_file;

ork_ts_file *ork_ts_scan_file(ork_arena *arena, const char *path, const char *module_name,
                              ork_bytes text);
/* ORK_ERR_TORCH_CODE with file and line when the text is none that torch writes. */
bool ork_ts_parse_function(ork_diag *diag, ork_arena *arena, ork_ts_function *function);
/* The value of a class attribute `name : Final[type] = value`; NULL without an error when the class
   has none. */
ork_ts_expr *ork_ts_class_constant(ork_diag *diag, ork_arena *arena, const ork_ts_class *owner,
                                   const char *name);
ork_ts_function *ork_ts_find_method(const ork_ts_class *owner, const char *name);

/* ---- archive.c, unpickle.c ------------------------------------------------------------- */

/* Opens what is known to be a TorchScript archive. */
bool ork_ts_archive_open(ork_diag *diag, ork_arena *arena, ork_zip *zip, ork_ts_archive *archive);

struct ork_ts_module {
    const char *path; /* "backbone.stem.conv", "" at the top */
    const ork_ts_class *type;
    const ork_pickle_value *object;
    ork_map *attributes; /* those read so far: name -> ork_ts_value */
};

/* What an attribute or constant of the pickle is for a method. `name` is its path in the module
   tree; folder is "data" or "constants". */
ork_ts_value *ork_ts_from_pickle(ork_ts *ts, const ork_pickle_value *pickled, const char *name,
                                 const char *folder, int depth);

/* ---- interpret.c ----------------------------------------------------------------------- */

struct ork_ts_frame {
    struct ork_ts_frame *caller;
    const ork_ts_module *module; /* NULL inside a free function */
    const ork_ts_function *function;
    ork_ts_value **slots;
    uint32_t line;
    int depth;
};

/* The module whose code is running, or the nearest caller that is one; may be NULL. */
const ork_ts_module *ork_ts_current_module(const ork_ts *ts);
ork_ts_class *ork_ts_find_class(ork_ts *ts, const char *module, const char *name);
/* Calls a method; arguments fill the parameters in order. */
ork_ts_value *ork_ts_call(ork_ts *ts, const ork_ts_module *module, ork_ts_function *function,
                          ork_ts_value *const *args, size_t count);

ork_ts_site ork_ts_script_site(const ork_ts *ts);

#endif
