/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles of dense_dot8.h for 32 registers of 16 lanes. */
#define DOT_ROWS    12
#define DOT_VECTORS 4
#define DOT_EACH_TILE(tile)                                                                        \
    DOT_TILES_6(tile, 1)                                                                           \
    DOT_TILES_12(tile, 1)                                                                          \
    DOT_TILES_6(tile, 2)                                                                           \
    DOT_TILES_12(tile, 2) DOT_TILES_6(tile, 3) tile(3, 7) tile(3, 8) DOT_TILES_6(tile, 4)
#define DOT_TILES_6(tile, v)  tile(v, 1) tile(v, 2) tile(v, 3) tile(v, 4) tile(v, 5) tile(v, 6)
#define DOT_TILES_12(tile, v) tile(v, 7) tile(v, 8) tile(v, 9) tile(v, 10) tile(v, 11) tile(v, 12)
#define DOT_MOST_ROWS                                                                              \
    {                                                                                              \
        0, 12, 12, 8, 6                                                                            \
    }
