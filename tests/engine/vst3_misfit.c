/* VST3 bundles that do not behave, for the tests of the host: cc -shared -fPIC -DMISFIT=N. Only as much of the VST3
   interface is here as it takes to be found and refused. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIES_WHEN_LOADED 1
#define HANGS_WHEN_LOADED 2
#define HOLDS_TWO 3
#define HAS_NO_INPUT 4

#define OK 0
#define NO_INTERFACE (-1)
#define OUTPUT 1

typedef char Id[16];

static const Id UNKNOWN = {0, 0, 0, 0, 0, 0, 0, 0, (char)0xC0, 0, 0, 0, 0, 0, 0, 0x46};
static const Id FACTORY = {0x7A, 0x4D, (char)0x81, 0x1C, 0x52, 0x11, 0x4A, 0x1F,
                           (char)0xAE, (char)0xD9, (char)0xD2, (char)0xEE, 0x0B, 0x43, (char)0xBF, (char)0x9F};
static const Id COMPONENT = {(char)0xE8, 0x31, (char)0xFF, 0x31, (char)0xF2, (char)0xD5, 0x43, 0x01,
                             (char)0x92, (char)0x8E, (char)0xBB, (char)0xEE, 0x25, 0x69, 0x78, 0x02};
static const Id PROCESSOR = {0x42, 0x04, 0x3F, (char)0x99, (char)0xB7, (char)0xDA, 0x45, 0x3C,
                             (char)0xA5, 0x69, (char)0xE7, (char)0x9D, (char)0x9A, (char)0xAE, (char)0xC3, 0x3D};
static const Id CONTROLLER = {(char)0xDC, (char)0xD7, (char)0xBB, (char)0xE3, 0x77, 0x42, 0x44, (char)0x8D,
                              (char)0xA8, 0x74, (char)0xAA, (char)0xCC, (char)0x97, (char)0x9C, 0x75, (char)0x9E};

typedef struct { const void *const *functions; } Interface;

static uint32_t keep(void *self) { (void)self; return 1; }
static int32_t nothing(void *self) { (void)self; return OK; }

/* The audio side: asked for by the host, never reached, since every one of these plugins is refused first. */
static uint32_t none(void *self) { (void)self; return 0; }
static int32_t arrangement(void *self, int32_t direction, int32_t index, uint64_t *speakers) {
    (void)self; (void)direction; (void)index;
    *speakers = 3;
    return OK;
}

static int32_t component_query(void *self, const char *id, void **found);
static int32_t controller_class(void *self, char *id) { (void)self; (void)id; return NO_INTERFACE; }
static int32_t bus_count(void *self, int32_t type, int32_t direction) {
    (void)self;
    return type == 0 && direction == OUTPUT ? 1 : 0;
}
typedef struct {
    int32_t type, direction, channels;
    uint16_t name[128];
    int32_t kind;
    uint32_t flags;
} Bus;
static int32_t bus_info(void *self, int32_t type, int32_t direction, int32_t index, Bus *bus) {
    (void)self; (void)index;
    memset(bus, 0, sizeof *bus);
    bus->type = type;
    bus->direction = direction;
    bus->channels = 2;
    bus->flags = 1;
    return OK;
}

static const void *const component_functions[] = {
    component_query, keep, keep, nothing, nothing, controller_class, nothing, bus_count, bus_info,
    nothing, nothing, nothing, nothing, nothing};
static const void *const processor_functions[] = {
    component_query, keep, keep, nothing, arrangement, nothing, none, nothing, nothing, nothing, none};
static int32_t no_parameter(void *self) { (void)self; return 0; }
static void *no_view(void *self) { (void)self; return NULL; }
static const void *const controller_functions[] = {
    component_query, keep, keep, nothing, nothing, nothing, nothing, nothing, no_parameter, nothing,
    nothing, nothing, nothing, nothing, nothing, nothing, nothing, no_view};
static Interface component = {component_functions};
static Interface processor = {processor_functions};
static Interface controller = {controller_functions};

static int32_t component_query(void *self, const char *id, void **found) {
    (void)self;
    *found = memcmp(id, PROCESSOR, 16) == 0    ? &processor
             : memcmp(id, CONTROLLER, 16) == 0 ? &controller
             : memcmp(id, COMPONENT, 16) == 0 || memcmp(id, UNKNOWN, 16) == 0 ? &component
                                                                               : NULL;
    return *found ? OK : NO_INTERFACE;
}

static int32_t factory_query(void *self, const char *id, void **found) {
    *found = memcmp(id, FACTORY, 16) == 0 || memcmp(id, UNKNOWN, 16) == 0 ? self : NULL;
    return *found ? OK : NO_INTERFACE;
}
static int32_t factory_info(void *self, char *info) {
    (void)self;
    memset(info, 0, 64 + 256 + 128 + 4);
    strcpy(info, "rebounce tests");
    return OK;
}
static int32_t class_count(void *self) { (void)self; return MISFIT == HOLDS_TWO ? 2 : 1; }
typedef struct {
    Id id;
    int32_t cardinality;
    char category[32], name[64];
} Class;
static int32_t class_info(void *self, int32_t index, Class *info) {
    (void)self;
    memset(info, 0, sizeof *info);
    memset(info->id, 'a' + index, sizeof info->id);
    info->cardinality = 0x7FFFFFFF;
    strcpy(info->category, "Audio Module Class");
    strcpy(info->name, index == 0 ? "Misfit One" : "Misfit Two");
    return OK;
}
static int32_t create(void *self, const char *id, const char *wanted, void **made) {
    (void)id;
    return component_query(self, wanted, made);
}
static const void *const factory_functions[] = {factory_query, keep, keep, factory_info, class_count, class_info, create};
static Interface factory = {factory_functions};

__attribute__((visibility("default"))) int ModuleEntry(void *library) {
    (void)library;
    printf("{\"this\": \"is not an answer\"}\n");
    fflush(stdout);
    if (MISFIT == DIES_WHEN_LOADED) {
        fprintf(stderr, "misfit: no licence found\n");
        abort();
    }
    while (MISFIT == HANGS_WHEN_LOADED)
        pause();
    return 1;
}
__attribute__((visibility("default"))) int ModuleExit(void) { return 1; }
__attribute__((visibility("default"))) void *GetPluginFactory(void) { return &factory; }
