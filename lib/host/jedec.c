#include "host/jedec.h"

#include <stddef.h>

/* Most makers: 2^code bytes; a few count on from 0x20 or 0x32. */
uint64_t jedec_size(uint32_t id)
{
        const unsigned code = id >> 16 & 0xff;

        if (code >= 0x12 && code <= 0x1c)
                return (uint64_t)1 << code;
        if (code >= 0x20 && code <= 0x22)
                return (uint64_t)1 << (code - 0x20 + 26);
        if (code >= 0x32 && code <= 0x3a)
                return (uint64_t)1 << (code - 0x20);
        return 0;
}

const char *jedec_maker(uint32_t id)
{
        static const struct {
                uint8_t id;
                const char *name;
        } makers[] = {
                { 0x01, "Spansion/Infineon" },
                { 0x0b, "XTX" },
                { 0x1c, "EON" },
                { 0x1f, "Adesto/Renesas" },
                { 0x20, "XMC/Micron" },
                { 0x25, "XMC" },
                { 0x46, "GigaDevice/FM" },
                { 0x51, "GigaDevice" },
                { 0x5e, "Zbit" },
                { 0x68, "Boya" },
                { 0x85, "Puya" },
                { 0x8c, "ESMT" },
                { 0x9d, "ISSI" },
                { 0xa1, "Fudan" },
                { 0xba, "Zetta" },
                { 0xbf, "SST/Microchip" },
                { 0xc2, "Macronix" },
                { 0xc8, "GigaDevice" },
                { 0xcd, "TH" },
                { 0xef, "Winbond" },
                { 0xf8, "Fidelix" },
        };

        for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++)
                if (makers[i].id == (id & 0xff))
                        return makers[i].name;
        return "unknown";
}
