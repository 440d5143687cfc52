/* SPDX-License-Identifier: Apache-2.0 */
/* ork-board: runs on a board, and runs networks there for hosts. docs/board.md */
#define _GNU_SOURCE
#include "../src/device/device.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_SESSIONS = 16, DEFAULT_PATIENCE = 30, MOST_TOKEN = 256 };

static const char help[] =
    "usage: ork-board [OPTIONS]\n"
    "Runs networks on this board for hosts that have OpenRKNN.\n"
    "\n"
    "  --listen ADDRESS:PORT  where hosts connect (127.0.0.1:9510); port 0 takes a free one\n"
    "  --token-file FILE      hosts must know what the first line of the file says; needed where\n"
    "                         others can reach the address; ORK_BOARD_TOKEN in the environment\n"
    "                         does the same\n"
    "  --chip NAME            what this board is, where its device tree does not tell: rk1808\n"
    "  --threads N            threads for each network (all processors)\n"
    "  --sessions N           networks at one time (16)\n"
    "  --patience SECONDS     a host that is silent for so long within a frame is gone (30)\n"
    "  --idle SECONDS         end after so long without a host (0: never)\n"
    "  --background           go on in the background once hosts can connect\n"
    "  --port-file FILE       write the number of the port there; removed at the end\n"
    "  --version, --help\n";

typedef struct settings {
    ork_board_options board;
    const char *token_file, *port_file;
    bool background;
    char token[MOST_TOKEN];
} settings;

static ork_board *running;

static void stop(int signal_number)
{
    (void)signal_number;
    ork_board_stop(running);
}

static int complain(const ork_diag *diag)
{
    const ork_error *error = ork_diag_error(diag);
    fprintf(stderr, "ork-board: %s %s", error->id, error->what);
    if (*error->why)
        fprintf(stderr, ": %s", error->why);
    fprintf(stderr, "; %s\n", error->fix);
    return error->exit_code;
}

/* ---- options ---- */

static bool read_number(const char *text, int *number)
{
    char *end;
    const long value = strtol(text, &end, 10);
    *number = (int)value;
    return *text && !*end && value >= 0 && value <= 1000000;
}

enum {
    LISTEN = 1,
    TOKEN_FILE,
    CHIP,
    THREADS,
    SESSIONS,
    PATIENCE,
    IDLE,
    BACKGROUND,
    PORT_FILE,
    VERSION,
    HELP
};

static const struct option options[] = {
    {"listen", required_argument, NULL, LISTEN},
    {"token-file", required_argument, NULL, TOKEN_FILE},
    {"chip", required_argument, NULL, CHIP},
    {"threads", required_argument, NULL, THREADS},
    {"sessions", required_argument, NULL, SESSIONS},
    {"patience", required_argument, NULL, PATIENCE},
    {"idle", required_argument, NULL, IDLE},
    {"background", no_argument, NULL, BACKGROUND},
    {"port-file", required_argument, NULL, PORT_FILE},
    {"version", no_argument, NULL, VERSION},
    {"help", no_argument, NULL, HELP},
    {0},
};

/* Whether the option makes sense. */
static bool take_option(settings *s, int option, const char *value)
{
    const char **texts[] = {[LISTEN] = &s->board.address,
                            [TOKEN_FILE] = &s->token_file,
                            [CHIP] = &s->board.chip,
                            [PORT_FILE] = &s->port_file};
    int *numbers[] = {[THREADS] = &s->board.threads,
                      [SESSIONS] = &s->board.sessions,
                      [PATIENCE] = &s->board.patience,
                      [IDLE] = &s->board.idle};
    if (option == BACKGROUND)
        s->background = true;
    else if ((size_t)option < ORK_COUNT(numbers) && numbers[option])
        return read_number(value, numbers[option]);
    else if ((size_t)option < ORK_COUNT(texts) && texts[option])
        *texts[option] = value;
    else
        return false;
    return true;
}

/* -1 to go on, else the exit status. */
static int read_options(settings *s, int argc, char **argv)
{
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == HELP || option == VERSION) {
            fputs(option == HELP ? help : "ork-board " ORK_VERSION "\n", stdout);
            return 0;
        }
        if (!take_option(s, option, optarg)) {
            fputs("ork-board: see ork-board --help\n", stderr);
            return 2;
        }
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "ork-board: '%s' is no option; see ork-board --help\n", argv[optind]);
    return 2;
}

static bool read_token(settings *s, ork_diag *diag)
{
    ork_file file;
    if (!s->token_file) {
        s->board.token = getenv("ORK_BOARD_TOKEN");
        return true;
    }
    if (!ork_file_map(diag, s->token_file, &file))
        return false;
    size_t length = 0;
    while (length < file.bytes.size && length < sizeof(s->token) - 1 &&
           file.bytes.data[length] > ' ')
        length++;
    memcpy(s->token, file.bytes.data ? file.bytes.data : (const uint8_t *)"", length);
    ork_file_unmap(&file);
    s->board.token = s->token;
    return length > 0 ||
           ork_fail(diag, ORK_ERR_BOARD_TOKEN, "the first line of '%s' is empty", s->token_file);
}

/* ---- running ---- */

static bool write_port(const settings *s, ork_diag *diag, const char *port)
{
    if (!s->port_file)
        return true;
    ork_output *output = ork_output_open(diag, s->port_file);
    if (!output)
        return false;
    ork_output_write(output, port, strlen(port));
    return ork_output_commit(output);
}

/* Another one, started later, may have written its own. */
static void remove_port(const settings *s, const char *port)
{
    ork_file file;
    ork_diag *diag = ork_diag_new();
    if (s->port_file && ork_file_map(diag, s->port_file, &file)) {
        const bool own =
            file.bytes.size == strlen(port) && memcmp(file.bytes.data, port, file.bytes.size) == 0;
        ork_file_unmap(&file);
        if (own)
            unlink(s->port_file);
    }
    ork_diag_free(diag);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* the shell that started it may leave */
}

static int run(settings *s, ork_diag *diag)
{
    running = read_token(s, diag) ? ork_board_new(diag, &s->board) : NULL;
    if (!running)
        return complain(diag);
    const char *port = strrchr(ork_board_address(running), ':') + 1;
    int code = write_port(s, diag, port) ? 0 : complain(diag);
    if (!code) {
        catch_signals();
        printf("port=%s\n", port);
        fflush(stdout);
        if (s->background && daemon(1, 0) != 0)
            code = 8;
    }
    if (!code)
        ork_board_run(running);
    remove_port(s, port);
    ork_board_free(running);
    return code;
}

int main(int argc, char **argv)
{
    settings s = {.board = {.address = "127.0.0.1:9510",
                            .chip = getenv("ORK_BOARD_CHIP"),
                            .sessions = DEFAULT_SESSIONS,
                            .patience = DEFAULT_PATIENCE}};
    int code = read_options(&s, argc, argv);
    if (code >= 0)
        return code;
    ork_diag *diag = ork_diag_new();
    code = run(&s, diag);
    ork_diag_free(diag);
    return code;
}
