/* SPDX-License-Identifier: Apache-2.0 */
/* The boards that are connected, and what keeps them from working. */
#include "cli.h"

const ork_cli_option ork_cli_devices_options[] = {{0}};

typedef struct doctor_values {
    const char *device;
    bool connect;
} doctor_values;

const ork_cli_option ork_cli_doctor_options[] = {
    {"connect", 0, ORK_CLI_FLAG, NULL, "connect with the only board",
     offsetof(doctor_values, connect), 0, 0},
    {"device", 0, ORK_CLI_TEXT, "ID", "connect with this board: an id, or tcp:HOST:PORT",
     offsetof(doctor_values, device), 0, 0},
    {0},
};

enum { PROBLEM = 6 };

/* ---- devices ---- */

static void print_device(const ork_device *device)
{
    printf("%-24s %-14s %s\n", device->id, device->state, device->model);
    if (*device->error)
        printf("    %s: %s\n    %s\n", device->error, device->problem, device->fix);
}

static void print_devices(ork_cli *cli, const ork_device_list *list)
{
    if (cli->json) {
        ork_cli_json json;
        ork_cli_json_start(&json, cli);
        ork_cli_json_open(&json, "devices", '[');
        for (int i = 0; i < ork_devices_count(list); i++) {
            const ork_device *device = ork_devices_at(list, i);
            ork_cli_json_open(&json, NULL, '{');
            ork_cli_json_text(&json, "id", device->id);
            ork_cli_json_text(&json, "state", device->state);
            ork_cli_json_text(&json, "model", device->model);
            ork_cli_json_text(&json, "error", device->error);
            ork_cli_json_text(&json, "problem", device->problem);
            ork_cli_json_text(&json, "fix", device->fix);
            ork_cli_json_close(&json, '}');
        }
        ork_cli_json_close(&json, ']');
        ork_cli_json_end(&json, stdout);
        return;
    }
    for (int i = 0; i < ork_devices_count(list); i++)
        print_device(ork_devices_at(list, i));
    if (ork_devices_count(list) == 0)
        ork_cli_say(cli, "No board is connected.");
}

int ork_cli_devices(ork_cli *cli)
{
    int code;
    const ork_cli_model_values none = {0};
    ork_model *model = ork_cli_new_model(cli, &none, &code);
    ork_device_list *list = ork_devices_find(model);
    code = list ? 0 : ork_cli_model_failed(cli, model);
    if (list)
        print_devices(cli, list);
    ork_devices_free(list);
    ork_model_free(model);
    return code;
}

/* ---- doctor ---- */

static void print_item(const ork_checkup_item *item)
{
    printf("%-8s %-22s %s\n", item->is_good ? "good" : item->error, item->name, item->text);
    if (*item->fix)
        printf("%-8s %-22s %s\n", "", "", item->fix);
}

static void item_to_json(ork_cli_json *json, const ork_checkup_item *item)
{
    ork_cli_json_open(json, NULL, '{');
    ork_cli_json_text(json, "name", item->name);
    ork_cli_json_bool(json, "good", item->is_good);
    ork_cli_json_text(json, "text", item->text);
    ork_cli_json_text(json, "error", item->error);
    ork_cli_json_text(json, "fix", item->fix);
    ork_cli_json_close(json, '}');
}

int ork_cli_doctor(ork_cli *cli)
{
    const doctor_values *v = cli->values;
    ork_checkup *checkup = ork_checkup_new(v->device ? v->device : v->connect ? "" : NULL);
    bool good = true;
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_open(&json, "items", '[');
    for (int i = 0; i < ork_checkup_count(checkup); i++) {
        const ork_checkup_item *item = ork_checkup_at(checkup, i);
        good = good && item->is_good;
        item_to_json(&json, item);
        if (!cli->json)
            print_item(item);
    }
    ork_cli_json_close(&json, ']');
    if (cli->json)
        ork_cli_json_end(&json, stdout);
    ork_cli_json_drop(&json);
    ork_checkup_free(checkup);
    return good ? 0 : PROBLEM;
}
