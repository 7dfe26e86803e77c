//! Reading what JavaScript passed in, field by field. By hand: serde's deserialisers, with all the shapes
//! that they explain, are 60 KB of module, and their errors do not name the field.

use js_sys::{Array, JsString, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use weir_core::protocol::ErrorCode;

use crate::thrown::Thrown;

/// A value and how to find it, for the message when it is of the wrong type.
pub(crate) struct Field {
    path: String,
    value: JsValue,
}

impl Field {
    /// What an export was called with.
    pub(crate) fn argument(name: &str, value: JsValue) -> Self {
        Self {
            path: name.to_owned(),
            value,
        }
    }

    /// A member; what an object does not have is undefined.
    ///
    /// # Errors
    /// When this is no object.
    pub(crate) fn member(&self, name: &str) -> Result<Self, Thrown> {
        let value = if self.value.is_object() {
            Reflect::get(&self.value, &name.into())
        } else {
            Err(JsValue::UNDEFINED)
        };
        Ok(Self {
            path: [&self.path, ".", name].concat(),
            value: value.map_err(|_| self.is_not("an object"))?,
        })
    }

    /// None when it is undefined or null.
    pub(crate) fn present(self) -> Option<Self> {
        (!self.value.is_undefined() && !self.value.is_null()).then_some(self)
    }

    /// # Errors
    /// When this is no string.
    pub(crate) fn text(&self) -> Result<String, Thrown> {
        self.value.as_string().ok_or_else(|| self.is_not("a string"))
    }

    /// # Errors
    /// When this is no non-negative integer that a number holds exactly.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the guard keeps to the integers that both types hold exactly"
    )]
    pub(crate) fn integer(&self) -> Result<u64, Thrown> {
        let number = self.value.as_f64();
        let integer = number.filter(|number| {
            *number >= 0.0 && *number <= js_sys::Number::MAX_SAFE_INTEGER && number.fract() == 0.0
        });
        integer
            .map(|number| number as u64)
            .ok_or_else(|| self.is_not("a non-negative integer"))
    }

    /// # Errors
    /// When this is no array.
    pub(crate) fn elements(self) -> Result<Vec<Self>, Thrown> {
        let Some(array) = self.value.dyn_ref::<Array>() else {
            return Err(self.is_not("an array"));
        };
        let element = |(index, value): (usize, JsValue)| Self {
            path: [&self.path, ".", &index.to_string()].concat(),
            value,
        };
        Ok(array.iter().enumerate().map(element).collect())
    }

    /// Is this the word?
    pub(crate) fn is(&self, word: &str) -> bool {
        self.value
            .dyn_ref::<JsString>()
            .is_some_and(|text| *text == *word)
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &JsValue {
        &self.value
    }

    /// The error of a value that should have been `wanted`.
    pub(crate) fn is_not(&self, wanted: &str) -> Thrown {
        Thrown::new(ErrorCode::BadField, [&self.path, " is not ", wanted].concat())
    }
}
