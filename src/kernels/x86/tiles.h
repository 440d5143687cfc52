/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles of dense_dot8.h for 32 registers of 16 lanes. */
#define DOT_ROWS    8
#define DOT_VECTORS 4
#define DOT_EACH_TILE(tile)                                                                        \
    DOT_TILES_6(tile, 1)                                                                           \
    tile(1, 7) tile(1, 8) DOT_TILES_6(tile, 2) tile(2, 7) tile(2, 8) DOT_TILES_6(tile, 3)          \
        tile(3, 7) tile(3, 8) DOT_TILES_6(tile, 4)
#define DOT_TILES_6(tile, v) tile(v, 1) tile(v, 2) tile(v, 3) tile(v, 4) tile(v, 5) tile(v, 6)
#define DOT_MOST_ROWS                                                                              \
    {                                                                                              \
        0, 8, 8, 8, 6                                                                              \
    }
