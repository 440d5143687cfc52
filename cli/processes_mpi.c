/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that mpirun has started. MPI is called by `ork calibrate` alone, and only when there
   are others. */
#include "cli.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

static bool started;
static int own_rank, process_count = 1;

/* Set by the launchers of Open MPI, MPICH and Slurm. */
static bool is_launched(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"};
    for (size_t i = 0; i < ORK_CLI_COUNT(names); i++)
        if (getenv(names[i]))
            return true;
    return false;
}

bool ork_cli_processes_start(int *rank, int *count)
{
    if (is_launched() && MPI_Init(NULL, NULL) == MPI_SUCCESS) {
        started = true;
        MPI_Comm_rank(MPI_COMM_WORLD, &own_rank);
        MPI_Comm_size(MPI_COMM_WORLD, &process_count);
    }
    *rank = own_rank;
    *count = process_count;
    return true;
}

void ork_cli_processes_end(void)
{
    if (started)
        MPI_Finalize();
    started = false;
}

/* Everybody gets the bytes of each process in turn. All processes take part in every call, also
   those that have failed, whose bytes are none: then the result is false everywhere. */
bool ork_cli_processes_share(const ork_blob *own, ork_blob *all)
{
    bool good = true;
    for (int i = 0; i < process_count; i++) {
        unsigned long long size = own->size;
        MPI_Bcast(&size, 1, MPI_UNSIGNED_LONG_LONG, i, MPI_COMM_WORLD);
        all[i] = (ork_blob){malloc(size ? size : 1), size};
        if (!all[i].data)
            MPI_Abort(MPI_COMM_WORLD, 8);
        if (i == own_rank && size)
            memcpy(all[i].data, own->data, size);
        for (unsigned long long at = 0; at < size; at += INT_MAX) {
            const unsigned long long left = size - at;
            MPI_Bcast((char *)all[i].data + at, left < INT_MAX ? (int)left : INT_MAX, MPI_BYTE, i,
                      MPI_COMM_WORLD);
        }
        good = good && size > 0;
    }
    return good;
}
