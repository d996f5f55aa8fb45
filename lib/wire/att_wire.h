/*
 * Facts of the Bluetooth LE attribute protocol: PDUs, errors, the attribute types that GATT needs.
 * Source: Bluetooth Core Specification 5.3, volume 3, parts F (ATT) and G (GATT).
 */
#ifndef WIRE_ATT_WIRE_H
#define WIRE_ATT_WIRE_H

#define ATT_CID       4u   /* the fixed L2CAP channel */
#define ATT_MTU_MIN   23u  /* F 3.2.8: of LE, before any exchange */
#define ATT_MTU_MAX   517u /* a value of 512 bytes with its header */
#define ATT_VALUE_MAX 512u /* F 3.2.9 */

/* F 3.4.8. Requests are even, their responses the next odd number. */
enum att_op {
        ATT_ERROR_RSP = 0x01,
        ATT_MTU_REQ = 0x02,
        ATT_MTU_RSP = 0x03,
        ATT_FIND_INFO_REQ = 0x04,
        ATT_FIND_INFO_RSP = 0x05,
        ATT_FIND_TYPE_REQ = 0x06,
        ATT_FIND_TYPE_RSP = 0x07,
        ATT_READ_TYPE_REQ = 0x08,
        ATT_READ_TYPE_RSP = 0x09,
        ATT_READ_REQ = 0x0a,
        ATT_READ_RSP = 0x0b,
        ATT_READ_BLOB_REQ = 0x0c,
        ATT_READ_BLOB_RSP = 0x0d,
        ATT_READ_GROUP_REQ = 0x10,
        ATT_READ_GROUP_RSP = 0x11,
        ATT_WRITE_REQ = 0x12,
        ATT_WRITE_RSP = 0x13,
        ATT_PREPARE_REQ = 0x16,
        ATT_PREPARE_RSP = 0x17,
        ATT_EXECUTE_REQ = 0x18,
        ATT_EXECUTE_RSP = 0x19,
        ATT_NOTIFICATION = 0x1b,
        ATT_INDICATION = 0x1d,
        ATT_CONFIRMATION = 0x1e,
        ATT_COMMAND_FLAG = 0x40 /* no answer is expected */
};

/* F 3.4.1.1. */
enum att_error {
        ATT_ERR_HANDLE = 0x01,
        ATT_ERR_READ_NOT_PERMITTED = 0x02,
        ATT_ERR_WRITE_NOT_PERMITTED = 0x03,
        ATT_ERR_PDU = 0x04,
        ATT_ERR_AUTHENTICATION = 0x05,
        ATT_ERR_NOT_SUPPORTED = 0x06,
        ATT_ERR_OFFSET = 0x07,
        ATT_ERR_AUTHORIZATION = 0x08,
        ATT_ERR_QUEUE_FULL = 0x09,
        ATT_ERR_NOT_FOUND = 0x0a,
        ATT_ERR_NOT_LONG = 0x0b,
        ATT_ERR_VALUE_LENGTH = 0x0d,
        ATT_ERR_UNLIKELY = 0x0e,
        ATT_ERR_ENCRYPTION = 0x0f,
        ATT_ERR_GROUP_TYPE = 0x10,
        ATT_ERR_RESOURCES = 0x11
};

/* Attribute types (Assigned Numbers). */
#define GATT_PRIMARY_SERVICE  0x2800u
#define GATT_CHARACTERISTIC   0x2803u
#define GATT_USER_DESCRIPTION 0x2901u
#define GATT_GAP_SERVICE      0x1800u
#define GATT_DEVICE_NAME      0x2a00u
#define GATT_APPEARANCE       0x2a01u

/* Properties of a characteristic (G 3.3.1.1). */
#define GATT_PROP_READ  0x02u
#define GATT_PROP_WRITE 0x08u

#endif
