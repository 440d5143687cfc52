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

typedef enum ork_torch_expr_kind {
    ORK_TORCH_LOCAL,   /* slot */
    ORK_TORCH_GLOBAL,  /* text: "torch.add", "CONSTANTS.c0" */
    ORK_TORCH_INTEGER, /* integer */
    ORK_TORCH_NUMBER,  /* number */
    ORK_TORCH_TEXT,    /* text */
    ORK_TORCH_TRUE,
    ORK_TORCH_FALSE,
    ORK_TORCH_NOTHING,   /* None */
    ORK_TORCH_ATTRIBUTE, /* object.text */
    ORK_TORCH_CALLING,   /* object(items, keywords) */
    ORK_TORCH_LISTING,   /* [items] */
    ORK_TORCH_TUPLING,   /* (items) */
    ORK_TORCH_DICTING,   /* items: key, value, key, value */
    ORK_TORCH_SUBSCRIPT, /* object[items[0]] */
    ORK_TORCH_NEGATIVE,  /* -object */
} ork_torch_expr_kind;

typedef struct ork_torch_expr ork_torch_expr;
struct ork_torch_expr {
    ork_torch_expr_kind kind;
    uint32_t line;
    int slot;
    const char *text;
    int64_t integer;
    double number;
    ork_torch_expr *object;
    ORK_VEC(ork_torch_expr *) items;
    const char **keywords; /* of a call: NULL for positional items; NULL when there are none */
    const void *cache;     /* of a call of an operator: its rows in the table */
};

typedef enum ork_torch_statement_kind {
    ORK_TORCH_ASSIGN, /* one target */
    ORK_TORCH_UNPACK, /* several targets, or one with a trailing comma */
    ORK_TORCH_RETURN,
    ORK_TORCH_EVALUATE,
    ORK_TORCH_IF,           /* expr, body, otherwise */
    ORK_TORCH_WHILE,        /* expr, body */
    ORK_TORCH_FOR,          /* targets[0] in range(items of expr), body */
    ORK_TORCH_CONTROL_FLOW, /* other: `text` is the keyword; nothing behind it is parsed */
} ork_torch_statement_kind;

typedef struct ork_torch_block ork_torch_block;

typedef struct ork_torch_statement {
    ork_torch_statement_kind kind;
    uint32_t line;
    ORK_VEC(int) targets; /* slots */
    ork_torch_expr *expr; /* NULL: None */
    const char *text;
    ork_torch_block *body, *otherwise; /* NULL: nothing */
} ork_torch_statement;

struct ork_torch_block {
    ORK_VEC(ork_torch_statement) statements;
};

typedef struct ork_torch_parameter {
    const char *name;
    ork_torch_expr *type;     /* NULL when not written */
    ork_torch_expr *standard; /* the default, or NULL */
} ork_torch_parameter;

typedef struct ork_torch_class ork_torch_class;

/* A method or a free function. Its body is parsed when it is first called. */
typedef struct ork_torch_function {
    const char *name;
    const ork_torch_class *owner; /* NULL for a free function */
    const char *file;             /* "code/__torch__.py" */
    const char *begin, *end;      /* from "def" on */
    uint32_t line;
    bool is_parsed;
    ORK_VEC(ork_torch_parameter) parameters; /* take the first slots */
    ork_torch_block body;
    int slot_count;
} ork_torch_function;

struct ork_torch_class {
    const char *name;           /* "Conv2d" */
    const char *qualified_name; /* "__torch__.torch.nn.modules.conv.Conv2d" */
    const char *file;
    const char *begin, *end;
    uint32_t line;
    ORK_VEC(ork_torch_function *) methods;
};

/* One text of the code folder, cut into classes and functions. */
typedef struct ork_torch_file {
    const char *path;
    ORK_VEC(ork_torch_class *) classes;
    ORK_VEC(ork_torch_function *) functions;
} ork_torch_file;

ork_torch_file *ork_torch_scan_file(ork_arena *arena, const char *path, const char *module_name,
                                    ork_bytes text);
/* ORK_ERR_TORCH_CODE with file and line when the text is none that torch writes. */
bool ork_torch_parse_function(ork_diag *diag, ork_arena *arena, ork_torch_function *function);
/* The value of a class attribute `name : Final[type] = value`; NULL without an error when the class
   has none. */
ork_torch_expr *ork_torch_class_constant(ork_diag *diag, ork_arena *arena,
                                         const ork_torch_class *owner, const char *name);
ork_torch_function *ork_torch_find_method(const ork_torch_class *owner, const char *name);

/* ---- archive.c, unpickle.c ------------------------------------------------------------- */

/* Opens what is known to be a TorchScript archive. */
bool ork_torch_archive_open(ork_diag *diag, ork_arena *arena, ork_zip *zip,
                            ork_torch_archive *archive);

struct ork_torch_module {
    const char *path; /* "backbone.stem.conv", "" at the top */
    const ork_torch_class *type;
    const ork_pickle_value *object;
    ork_map *attributes; /* those read so far: name -> ork_torch_value */
};

/* What an attribute or constant of the pickle is for a method. `name` is its path in the module
   tree; folder is "data" or "constants". */
ork_torch_value *ork_torch_from_pickle(ork_torch *torch, const ork_pickle_value *pickled,
                                       const char *name, const char *folder, int depth);

/* ---- interpret.c ----------------------------------------------------------------------- */

struct ork_torch_frame {
    struct ork_torch_frame *caller;
    const ork_torch_module *module; /* NULL inside a free function */
    const ork_torch_function *function;
    ork_torch_value **slots;
    uint32_t line;
    int depth;
};

/* The module whose code is running, or the nearest caller that is one; may be NULL. */
const ork_torch_module *ork_torch_current_module(const ork_torch *torch);
ork_torch_class *ork_torch_find_class(ork_torch *torch, const char *module, const char *name);
/* Calls a method; arguments fill the parameters in order. */
ork_torch_value *ork_torch_call(ork_torch *torch, const ork_torch_module *module,
                                ork_torch_function *function, ork_torch_value *const *args,
                                size_t count);

ork_torch_site ork_torch_script_site(const ork_torch *torch);

#endif
