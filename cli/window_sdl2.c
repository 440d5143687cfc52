/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <SDL.h>

struct ork_cli_window {
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    int width, height;
};

ork_cli_window *ork_cli_window_open(const char *title, const char **problem)
{
    ork_cli_window *window = ork_cli_alloc(sizeof(*window));
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1"); /* Ctrl-C is ours */
    if (SDL_Init(SDL_INIT_VIDEO) != 0) {
        *problem = ork_cli_format("no display can be used: %s", SDL_GetError());
        return NULL;
    }
    window->window = SDL_CreateWindow(title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, 640,
                                      480, SDL_WINDOW_RESIZABLE);
    window->renderer = window->window ? SDL_CreateRenderer(window->window, -1, 0) : NULL;
    if (window->renderer)
        return window;
    *problem = ork_cli_format("a window cannot be opened: %s", SDL_GetError());
    ork_cli_window_close(window);
    return NULL;
}

void ork_cli_window_close(ork_cli_window *window)
{
    if (window->texture)
        SDL_DestroyTexture(window->texture);
    if (window->renderer)
        SDL_DestroyRenderer(window->renderer);
    if (window->window)
        SDL_DestroyWindow(window->window);
    SDL_Quit();
}

static bool fit_texture(ork_cli_window *window, const ork_picture *picture)
{
    if (window->texture && window->width == picture->width && window->height == picture->height)
        return true;
    if (window->texture)
        SDL_DestroyTexture(window->texture);
    else
        SDL_SetWindowSize(window->window, picture->width, picture->height);
    window->texture =
        SDL_CreateTexture(window->renderer, SDL_PIXELFORMAT_RGB24, SDL_TEXTUREACCESS_STREAMING,
                          picture->width, picture->height);
    window->width = picture->width;
    window->height = picture->height;
    SDL_RenderSetLogicalSize(window->renderer, picture->width, picture->height);
    return window->texture;
}

static void draw(ork_cli_window *window)
{
    SDL_RenderClear(window->renderer);
    SDL_RenderCopy(window->renderer, window->texture, NULL, NULL);
    SDL_RenderPresent(window->renderer);
}

bool ork_cli_window_show(ork_cli_window *window, const ork_picture *picture, const char *title,
                         bool wait)
{
    SDL_SetWindowTitle(window->window, title);
    if (!fit_texture(window, picture))
        return false;
    SDL_UpdateTexture(window->texture, NULL, picture->pixels, (int)picture->stride);
    draw(window);
    for (;;) {
        SDL_Event event;
        /* Woken now and then, to see Ctrl-C. */
        if (!(wait ? SDL_WaitEventTimeout(&event, 100) : SDL_PollEvent(&event))) {
            if (!wait || ork_cli_interrupted())
                return !ork_cli_interrupted();
            continue;
        }
        if (event.type == SDL_QUIT)
            return false;
        if (event.type == SDL_KEYDOWN && event.key.keysym.sym == SDLK_ESCAPE)
            return false;
        if (event.type == SDL_KEYDOWN && wait)
            return true;
        if (event.type == SDL_WINDOWEVENT)
            draw(window);
    }
}
